#include "format/scan.h"

#include <span>

#include "base/is_zero.h"
#include "base/planted_bug.h"

namespace daybook::inline v1::frame {
namespace {

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

ScanResult Scan(const SegmentBytes& segment, ScanFrom from, const FrameVisitor& visitor,
                const ScanOptions& options) {
  ScanResult result;
  result.end_position = from.position;
  result.end_delta = from.delta;
  FrameSearch search(segment, options.search);
  std::uint64_t position = from.position;
  while (!result.is_sealed && position + kFrameHeaderBytes <= segment.bytes.size()) {
    FrameHeader header;
    const FrameState state = Inspect(segment, position, &header);
    if (state != FrameState::kValid || header.offset_delta < result.end_delta) {
      if (options.ends_at_gap || IsPlanted(PlantedBug::kStopsAtFirstBadRecord)) break;
      const SearchResult next =
          search.FindNextFrame({.position = position, .delta = result.end_delta});
      result.is_end_unknown = next.is_unknown();
      if (!next) break;
      result.gaps.push_back({.begin_position = position,
                             .end_position = next->position,
                             .begin_delta = result.end_delta,
                             .end_delta = next->header.offset_delta,
                             .is_uncommitted = next.is_behind_open_claims,
                             .may_hold_frames = next.may_have_passed_some});
      position = next->position;
      header = next->header;
    } else if (header.offset_delta > result.end_delta) {
      result.gaps.push_back({.begin_position = position,
                             .end_position = position,
                             .begin_delta = result.end_delta,
                             .end_delta = header.offset_delta});
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
  result.searched_bytes = search.hashed_bytes();
  if (result.end_position < segment.bytes.size() &&
      (!result.is_sealed || options.looks_behind_seal)) {
    result.tail_bytes = EndOfContent(segment.bytes.subspan(result.end_position));
  }
  return result;
}

namespace {

// Calls `visit(position, length)` for each of the frames that fill [begin, end), from the last to
// the first or the other way.
template <typename Visit>
void VisitPieces(std::uint64_t begin, std::uint64_t end, bool is_backwards, Visit visit) {
  // The last one is never too short for a frame.
  constexpr std::uint64_t kLongest = (std::uint64_t{1} << 27) - kFrameAlignment;
  const std::uint64_t whole = end - begin > 2 * kLongest ? (end - begin) / kLongest - 1 : 0;
  for (std::uint64_t i = 0; i <= whole; ++i) {
    const std::uint64_t piece = is_backwards ? whole - i : i;
    const std::uint64_t at = begin + piece * kLongest;
    visit(at, piece == whole ? end - at : kLongest);
  }
}

}  // namespace

void MarkOpen(std::byte* segment, std::uint64_t begin, std::uint64_t end,
              std::uint64_t segment_id) {
  VisitPieces(begin, end, true, [&](std::uint64_t position, std::uint64_t length) {
    MarkClaim(segment + position, position, length, segment_id);
  });
}

void PadGap(std::byte* segment, const Gap& gap, std::uint64_t segment_id) {
  MarkOpen(segment, gap.begin_position, gap.end_position, segment_id);
  std::uint32_t offsets = gap.end_delta - gap.begin_delta;
  VisitPieces(gap.begin_position, gap.end_position, false,
              [&](std::uint64_t position, std::uint64_t length) {
                WritePadding(segment + position, static_cast<std::uint32_t>(length), position,
                             segment_id, gap.end_delta - offsets, offsets);
                offsets = 0;
              });
}

}  // namespace daybook::inline v1::frame
