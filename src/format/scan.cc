#include "format/scan.h"

#include <span>

#include "base/is_zero.h"
#include "base/planted_bug.h"

namespace daybook::inline v1::frame {
namespace {

// How many bytes the searches of one call may hash for each byte of the segment. Bytes made to
// look like frames at every position would otherwise cost a hash of a whole frame each, which is
// quadratic; damage and payloads stay far below.
constexpr std::uint64_t kHashedPerByte = 64;

std::optional<FoundFrame> FindFrameWithin(const SegmentBytes& segment, ScanFrom from,
                                          std::uint64_t* budget) {
  const std::byte* const data = segment.bytes.data();
  for (std::uint64_t position = from.position; position + kFrameHeaderBytes <= segment.bytes.size();
       position += kFrameAlignment) {
    const std::uint32_t length_word = AcquireLengthWord(data + position);
    if (length_word == 0) continue;
    FoundFrame found{.position = position};
    if (!IsWellFormed(segment, position, length_word, &found.header)) continue;
    if (found.header.offset_delta < from.delta) continue;
    const std::uint64_t cost = LengthOf(length_word);
    if (cost > *budget) return std::nullopt;
    *budget -= cost;
    if (ChecksumOf(data + position, length_word, position, segment.segment_id) ==
        found.header.checksum) {
      return found;
    }
  }
  return std::nullopt;
}

// One past the last byte that is not zero.
std::uint64_t EndOfContent(std::span<const std::byte> bytes) {
  std::uint64_t end = bytes.size();
  // Mostly nothing has been written there yet, and it may be all of a segment.
  constexpr std::uint64_t kBlock = 256;
  while (end >= kBlock && IsZero(bytes.subspan(end - kBlock, kBlock))) end -= kBlock;
  while (end != 0 && bytes[end - 1] == std::byte{0}) --end;
  return end;
}

}  // namespace

std::optional<FoundFrame> FindFrame(const SegmentBytes& segment, ScanFrom from) {
  std::uint64_t budget = kHashedPerByte * segment.bytes.size();
  return FindFrameWithin(segment, from, &budget);
}

ScanResult Scan(const SegmentBytes& segment, ScanFrom from, const FrameVisitor& visitor) {
  ScanResult result;
  result.end_position = from.position;
  result.end_delta = from.delta;
  std::uint64_t budget = kHashedPerByte * segment.bytes.size();
  std::uint64_t position = from.position;
  while (!result.is_sealed && position + kFrameHeaderBytes <= segment.bytes.size()) {
    FrameHeader header;
    const FrameState state = Inspect(segment, position, &header);
    if (state != FrameState::kValid || header.offset_delta < result.end_delta) {
      const auto next = FindFrameWithin(
          segment, {.position = position + kFrameAlignment, .delta = result.end_delta}, &budget);
      if (!next || IsPlanted(PlantedBug::kStopsAtFirstBadRecord)) break;
      result.gaps.push_back({.begin_position = position,
                             .end_position = next->position,
                             .begin_delta = result.end_delta,
                             .end_delta = next->header.offset_delta,
                             .is_uncommitted = state == FrameState::kNothing});
      position = next->position;
      header = next->header;
    } else if (header.offset_delta > result.end_delta) {
      result.gaps.push_back({.begin_position = position,
                             .end_position = position,
                             .begin_delta = result.end_delta,
                             .end_delta = header.offset_delta,
                             .is_uncommitted = false});
    }
    if (visitor) visitor(position, header);
    ++result.frames;
    switch (KindOf(header.length_word)) {
      case Kind::kRecord:
      case Kind::kBatch:
      case Kind::kTransactional:
        result.records += OffsetCount(header);
        break;
      case Kind::kPadding:
        result.padding_bytes += LengthOf(header.length_word);
        break;
      case Kind::kSeal:
        result.is_sealed = true;
        break;
    }
    position += AlignedLength(LengthOf(header.length_word));
    result.end_position = position;
    result.end_delta = header.offset_delta + OffsetCount(header);
  }
  if (result.end_position < segment.bytes.size()) {
    result.tail_bytes = EndOfContent(segment.bytes.subspan(result.end_position));
  }
  return result;
}

void PadGap(std::byte* segment, const Gap& gap, std::uint64_t segment_id) {
  constexpr std::uint64_t kLongest = kMaxFrameBytes / kFrameAlignment * kFrameAlignment / 2;
  std::uint32_t offsets = gap.end_delta - gap.begin_delta;
  std::uint64_t position = gap.begin_position;
  while (position < gap.end_position) {
    const std::uint64_t left = gap.end_position - position;
    const std::uint64_t length = left > 2 * kLongest ? kLongest : left;
    WritePadding(segment + position, static_cast<std::uint32_t>(length), position, segment_id,
                 gap.end_delta - offsets, offsets);
    position += length;
    offsets = 0;
  }
}

}  // namespace daybook::inline v1::frame
