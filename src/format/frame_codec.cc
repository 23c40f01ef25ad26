#include "format/frame_codec.h"

#include <cstring>

#include "base/planted_bug.h"
#include "format/batch_codec.h"

namespace daybook::inline v1::frame {
namespace {

std::byte* Put(std::byte* at, const void* from, std::size_t size) {
  // A null view may come with size 0, which memcpy does not allow.
  if (size != 0) std::memcpy(at, from, size);
  return at + size;
}

bool RecordIsWellFormed(const std::byte* frame, const FrameHeader& header) {
  if (!(header.attributes & kHasHeaders)) return PlainRecordIsWellFormed(header);
  if (header.attributes & kReservedAttributes) return false;
  if (!(header.attributes & kHasKey) && (header.attributes & kKeyLengthMask)) return false;
  RecordView view;
  return DecodeRecord(frame, header, Offset(0), &view) &&
         HeadersAreWellFormed(view.headers.encoded());
}

}  // namespace

bool HeadersAreWellFormed(std::span<const std::byte> encoded) {
  while (!encoded.empty()) {
    if (encoded.size() < 6) return false;
    std::uint16_t name_size;
    std::uint32_t value_size;
    std::memcpy(&name_size, encoded.data(), sizeof name_size);
    std::memcpy(&value_size, encoded.data() + 2, sizeof value_size);
    if (value_size == HeadersView::kNoValue) value_size = 0;
    const std::uint64_t size = std::uint64_t{6} + name_size + value_size;
    if (size > encoded.size()) return false;
    encoded = encoded.subspan(size);
  }
  return true;
}

std::uint64_t EncodedSize(RecordHeaders headers) {
  std::uint64_t bytes = 0;
  for (const Header header : headers) {
    if (header.name.size() > kMaxHeaderNameBytes) return std::uint64_t{kMaxFrameBytes} + 1;
    const std::uint64_t value_bytes = header.value ? header.value->size() : 0;
    if (value_bytes > kMaxFrameBytes) return value_bytes;
    bytes += 6 + header.name.size() + value_bytes;
  }
  return bytes;
}

std::byte* PutHeaders(std::byte* at, RecordHeaders headers) {
  for (const Header header : headers) {
    const auto name_size = static_cast<std::uint16_t>(header.name.size());
    const std::uint32_t value_size =
        header.value ? static_cast<std::uint32_t>(header.value->size()) : HeadersView::kNoValue;
    at = Put(at, &name_size, sizeof name_size);
    at = Put(at, &value_size, sizeof value_size);
    at = Put(at, header.name.data(), header.name.size());
    if (header.value) at = Put(at, header.value->data(), header.value->size());
  }
  return at;
}

void WritePadding(std::byte* frame, std::uint32_t length, std::uint64_t position,
                  std::uint64_t segment_id, std::uint32_t offset_delta,
                  std::uint32_t offset_count) {
  // Not the first 8 bytes: until the end they say that this is a claim, and how long it is.
  std::memset(frame + 8, 0, length - 8);
  std::memcpy(frame + offsetof(FrameHeader, offset_delta), &offset_delta, sizeof offset_delta);
  std::memcpy(frame + offsetof(FrameHeader, attributes), &offset_count, sizeof offset_count);
  FinishFrame(frame, LengthWord(Kind::kPadding, length), position, segment_id);
}

void WriteSeal(std::byte* frame, std::uint64_t position, std::uint64_t segment_id,
               Timestamp sealed_at, std::uint32_t end_delta) {
  const std::int64_t nanos = sealed_at.time_since_epoch().count();
  const std::uint32_t attributes = 0;
  std::memcpy(frame + offsetof(FrameHeader, append_time), &nanos, sizeof nanos);
  std::memcpy(frame + offsetof(FrameHeader, offset_delta), &end_delta, sizeof end_delta);
  std::memcpy(frame + offsetof(FrameHeader, attributes), &attributes, sizeof attributes);
  FinishFrame(frame, LengthWord(Kind::kSeal, kSealBytes), position, segment_id);
}

bool IsWellFormed(const SegmentBytes& segment, std::uint64_t position, std::uint32_t length_word,
                  FrameHeader* header) {
  const std::uint64_t length = LengthOf(length_word);
  if (length < kFrameHeaderBytes) return false;
  if (position > segment.bytes.size() || AlignedLength(length) > segment.bytes.size() - position) {
    return false;
  }
  const std::byte* frame = segment.bytes.data() + position;
  *header = LoadFrameHeader(frame, length_word);
  // One past its last offset must still be a number.
  if (header->offset_delta >= 0xffff'ffffU - OffsetCount(*header)) return false;
  switch (KindOf(length_word)) {
    case Kind::kRecord:
      return length <= segment.max_frame_bytes && RecordIsWellFormed(frame, *header);
    case Kind::kBatch:
    case Kind::kTransactional: {
      const std::uint32_t before = BytesBeforeEntries(*header);
      if (length > segment.max_frame_bytes || length < before) return false;
      if (OffsetCount(*header) == 0) return false;
      if (header->attributes & kBatchCompressed) return length > before;
      if (DictionaryOf(header->attributes) != 0) return false;
      return EntriesAreWellFormed({frame + before, length - before}, OffsetCount(*header));
    }
    case Kind::kPadding:
      return length % kFrameAlignment == 0 && header->append_time == 0;
    case Kind::kSeal:
      return length == kSealBytes && header->attributes == 0;
    default:
      return false;
  }
}

FrameState Inspect(const SegmentBytes& segment, std::uint64_t position, FrameHeader* header) {
  if (position + kFrameHeaderBytes > segment.bytes.size()) return FrameState::kNothing;
  const std::byte* frame = segment.bytes.data() + position;
  const std::uint32_t length_word = AcquireLengthWord(frame);
  if (length_word == 0) return FrameState::kNothing;
  if (!IsWellFormed(segment, position, length_word, header)) return FrameState::kBad;
  if (ChecksumOf(frame, length_word, position, segment.segment_id) != header->checksum &&
      !IsPlanted(PlantedBug::kNoChecksum)) {
    return FrameState::kBad;
  }
  return FrameState::kValid;
}

}  // namespace daybook::inline v1::frame
