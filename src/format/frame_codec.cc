#include "format/frame_codec.h"

#include <cstring>

namespace daybook::inline v1::frame {
namespace {

std::byte* Put(std::byte* at, const void* from, std::size_t size) {
  // A null view may come with size 0, which memcpy does not allow.
  if (size != 0) std::memcpy(at, from, size);
  return at + size;
}

// Whether `encoded` is a whole number of headers.
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

}  // namespace

RecordLayout LayoutOf(const RecordParts& parts) {
  RecordLayout layout;
  std::uint64_t length = kFrameHeaderBytes;
  if (parts.event_time) {
    layout.attributes |= kHasEventTime;
    length += 8;
  }
  if (parts.key) {
    if (parts.key->size() > kMaxKeyBytes) return {};
    layout.attributes |= kHasKey | static_cast<std::uint32_t>(parts.key->size());
    length += parts.key->size();
  }
  if (!parts.headers.empty()) {
    std::uint64_t bytes = 0;
    for (const Header& header : parts.headers) {
      if (header.name.size() > kMaxHeaderNameBytes) return {};
      if (header.value && header.value->size() > kMaxFrameBytes) return {};
      bytes += 6 + header.name.size() + (header.value ? header.value->size() : 0);
    }
    if (bytes > kMaxFrameBytes) return {};
    layout.attributes |= kHasHeaders;
    layout.headers_bytes = static_cast<std::uint32_t>(bytes);
    length += 4 + bytes;
  }
  if (parts.tombstone) layout.attributes |= kTombstone;
  if (parts.value_bytes > kMaxFrameBytes) return {};
  length += parts.value_bytes;
  if (length > kMaxFrameBytes) return {};
  layout.value_bytes = static_cast<std::uint32_t>(parts.value_bytes);
  layout.length = static_cast<std::uint32_t>(length);
  return layout;
}

std::byte* FillRecord(std::byte* frame, const RecordLayout& layout, const RecordParts& parts,
                      Timestamp append_time, std::uint32_t offset_delta) {
  // The last word first: what of it the value does not overwrite is the alignment.
  std::memset(frame + AlignedLength(layout.length) - 8, 0, 8);
  const std::int64_t nanos = append_time.time_since_epoch().count();
  std::byte* at = frame + offsetof(FrameHeader, append_time);
  at = Put(at, &nanos, sizeof nanos);
  at = Put(at, &offset_delta, sizeof offset_delta);
  at = Put(at, &layout.attributes, sizeof layout.attributes);
  if (parts.event_time) {
    const std::int64_t event_nanos = parts.event_time->time_since_epoch().count();
    at = Put(at, &event_nanos, sizeof event_nanos);
  }
  if (parts.key) at = Put(at, parts.key->data(), parts.key->size());
  if (!parts.headers.empty()) {
    at = Put(at, &layout.headers_bytes, sizeof layout.headers_bytes);
    for (const Header& header : parts.headers) {
      const auto name_size = static_cast<std::uint16_t>(header.name.size());
      const std::uint32_t value_size =
          header.value ? static_cast<std::uint32_t>(header.value->size()) : HeadersView::kNoValue;
      at = Put(at, &name_size, sizeof name_size);
      at = Put(at, &value_size, sizeof value_size);
      at = Put(at, header.name.data(), header.name.size());
      if (header.value) at = Put(at, header.value->data(), header.value->size());
    }
  }
  return at;
}

void WritePadding(std::byte* frame, std::uint32_t length, std::uint64_t position,
                  std::uint64_t segment_id, std::uint32_t offset_delta,
                  std::uint32_t offset_count) {
  // Not the length word: nobody may see it before the rest.
  std::memset(frame + 4, 0, length - 4);
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
    case Kind::kRecord: {
      if (length > segment.max_frame_bytes) return false;
      if (header->attributes & kReservedAttributes) return false;
      if (!(header->attributes & kHasKey) && (header->attributes & kKeyLengthMask)) return false;
      RecordView view;
      if (!DecodeRecord(frame, *header, Offset(0), &view)) return false;
      if (!(header->attributes & kHasHeaders)) return true;
      std::span<const std::byte> encoded(view.headers.encoded());
      return HeadersAreWellFormed(encoded);
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
  if (ChecksumOf(frame, length_word, position, segment.segment_id) != header->checksum) {
    return FrameState::kBad;
  }
  return FrameState::kValid;
}

}  // namespace daybook::inline v1::frame
