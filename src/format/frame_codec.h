#ifndef DAYBOOK_FORMAT_FRAME_CODEC_H_
#define DAYBOOK_FORMAT_FRAME_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/checksum.h"
#include "daybook/frame.h"
#include "daybook/record.h"

// Writing and checking single frames; pure functions on bytes. The format is described in
// daybook/frame.h.

namespace daybook::inline v1::frame {

// How large a record is as a frame, and the attributes that say so.
struct RecordLayout {
  std::uint32_t length = 0;  // 0: it does not fit the format (key, header name or total)
  std::uint32_t attributes = 0;
  std::uint32_t headers_bytes = 0;  // without the size before them
  std::uint32_t value_bytes = 0;
};

// What a frame holds beside its place.
struct RecordParts {
  std::optional<std::string_view> key;
  std::span<const Header> headers;
  std::optional<Timestamp> event_time;
  std::size_t value_bytes = 0;
  bool tombstone = false;
};

RecordLayout LayoutOf(const RecordParts& parts);

// The checksum of a frame whose bytes from 8 on are complete. Only the part of the body that the
// format puts under the checksum is read.
inline std::uint32_t ChecksumOf(const std::byte* frame, std::uint32_t length_word,
                                std::uint64_t position, std::uint64_t segment_id) {
  const std::uint32_t end =
      KindOf(length_word) == Kind::kRecord ? LengthOf(length_word) : kFrameHeaderBytes;
  return Checksum32(Hash64(std::span(frame + 8, end - 8)),
                    segment_id ^ (position << 32 | length_word));
}

// Fills everything of a record frame but its length word, its checksum and its value, zeroes the
// alignment, and returns where the value goes.
std::byte* FillRecord(std::byte* frame, const RecordLayout& layout, const RecordParts& parts,
                      Timestamp append_time, std::uint32_t offset_delta);

// Computes and stores the checksum of a filled frame, then commits it.
inline void FinishFrame(std::byte* frame, std::uint32_t length_word, std::uint64_t position,
                        std::uint64_t segment_id) {
  const std::uint32_t checksum = ChecksumOf(frame, length_word, position, segment_id);
  std::memcpy(frame + 4, &checksum, sizeof checksum);
  CommitLengthWord(frame, length_word);
}

// Zeroes `length` bytes (a multiple of 8, at least 24) and commits a padding frame over them.
void WritePadding(std::byte* frame, std::uint32_t length, std::uint64_t position,
                  std::uint64_t segment_id, std::uint32_t offset_delta, std::uint32_t offset_count);

// Commits a seal frame.
void WriteSeal(std::byte* frame, std::uint64_t position, std::uint64_t segment_id,
               Timestamp sealed_at, std::uint32_t end_delta);

// What is found where a frame should begin.
enum class FrameState {
  kValid,    // a frame, complete and with the right checksum
  kNothing,  // a zero length word: not committed yet, or the end
  kBad,      // neither
};

// The bytes of a segment file and what its header says of them. `bytes` is as much of the file as
// may be looked at.
struct SegmentBytes {
  std::span<const std::byte> bytes;
  std::uint64_t segment_id = 0;
  std::uint32_t max_frame_bytes = 0;
};

// True when the frame at `position` with this length word lies inside the segment and its fields
// agree with each other; `header` is then set. Reads nothing outside of `segment`.
bool IsWellFormed(const SegmentBytes& segment, std::uint64_t position, std::uint32_t length_word,
                  FrameHeader* header);

// `header` is set when the state is kValid. A position with less than 24 bytes left is kNothing.
FrameState Inspect(const SegmentBytes& segment, std::uint64_t position, FrameHeader* header);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_FRAME_CODEC_H_
