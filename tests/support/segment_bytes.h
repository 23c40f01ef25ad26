#ifndef DAYBOOK_SUPPORT_SEGMENT_BYTES_H_
#define DAYBOOK_SUPPORT_SEGMENT_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "format/frame_codec.h"
#include "format/scan.h"

namespace daybook {

// A segment in memory, written frame by frame with the real codec: for tests of what is pure.
class SegmentInMemory {
 public:
  static constexpr std::uint64_t kId = 0x1122334455667788;

  explicit SegmentInMemory(std::size_t size = 64 << 10) : bytes_(size) {}

  // Appends a record and returns its position.
  std::uint64_t Write(const Record& record, Timestamp append_time = Timestamp()) {
    const frame::RecordParts parts{.key = record.key,
                                   .headers = record.headers,
                                   .event_time = record.timestamp,
                                   .value_bytes = record.value ? record.value->size() : 0,
                                   .tombstone = !record.value};
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    const std::uint64_t position = end_;
    std::byte* value = frame::FillRecord(&bytes_[position], layout, parts, append_time, next_++);
    if (parts.value_bytes != 0) std::memcpy(value, record.value->data(), parts.value_bytes);
    frame::FinishFrame(&bytes_[position], frame::LengthWord(frame::Kind::kRecord, layout.length),
                       position, kId);
    end_ += frame::AlignedLength(layout.length);
    return position;
  }
  std::uint64_t Write(std::string_view value) {
    return Write(
        Record{.key = {}, .value = value, .headers = {}, .timestamp = {}, .partition = {}});
  }
  // Leaves a claim of that many bytes and one offset uncommitted.
  std::uint64_t LeaveClaim(std::uint64_t bytes) {
    const std::uint64_t position = end_;
    end_ += bytes;
    ++next_;
    return position;
  }
  // The next frame gets that offset, as no claim can.
  void GoOnAt(std::uint32_t delta) { next_ = delta; }
  std::uint64_t Seal() {
    const std::uint64_t position = end_;
    frame::WriteSeal(&bytes_[position], position, kId, Timestamp(), next_);
    end_ += frame::kSealBytes;
    return position;
  }
  void Flip(std::uint64_t position, unsigned mask = 1) {
    bytes_[position] ^= static_cast<std::byte>(mask);
  }

  frame::SegmentBytes View() const {
    return {.bytes = bytes_, .segment_id = kId, .max_frame_bytes = 1 << 20};
  }
  frame::ScanResult Scan() const { return frame::Scan(View(), {}); }
  std::byte* at(std::uint64_t position) { return &bytes_[position]; }
  std::uint64_t end() const { return end_; }

 private:
  // Aligned as a mapping is.
  std::vector<std::byte> bytes_;
  std::uint64_t end_ = frame::kSegmentHeaderBytes;
  std::uint32_t next_ = 0;
};

inline Record RecordOf(std::string_view value) {
  Record record;
  record.value = value;
  return record;
}
inline Record RecordOf(std::string_view key, std::string_view value) {
  Record record = RecordOf(value);
  record.key = key;
  return record;
}

// In words of four bytes.
inline std::string Hex(const std::byte* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (i != 0 && i % 4 == 0) text += ' ';
    text += kDigits[static_cast<unsigned>(bytes[i]) >> 4];
    text += kDigits[static_cast<unsigned>(bytes[i]) & 15];
  }
  return text;
}

// The bits of a frame, of 8 a byte, that may be flipped and leave it a valid one.
inline std::vector<std::uint64_t> UnseenFlips(SegmentInMemory& segment, std::uint64_t position) {
  frame::FrameHeader header;
  frame::Inspect(segment.View(), position, &header);
  std::vector<std::uint64_t> unseen;
  for (std::uint64_t bit = 0; bit < std::uint64_t{8} * frame::LengthOf(header.length_word); ++bit) {
    frame::FrameHeader flipped;
    segment.Flip(position + bit / 8, 1U << bit % 8);
    const auto state = frame::Inspect(segment.View(), position, &flipped);
    if (state == frame::FrameState::kValid) unseen.push_back(bit);
    segment.Flip(position + bit / 8, 1U << bit % 8);
  }
  return unseen;
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_SEGMENT_BYTES_H_
