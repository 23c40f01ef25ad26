#ifndef DAYBOOK_FORMAT_SCAN_H_
#define DAYBOOK_FORMAT_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "format/frame_codec.h"
#include "format/frame_search.h"

// Walks the frames of a segment, finding its way past what is not one. Pure: it reads the bytes
// it is given and nothing else, whatever they hold, in time linear in their number.

namespace daybook::inline v1::frame {

// Bytes between two valid frames, or between the place to begin and the first one. Without bytes,
// offsets that are missing between two frames that stand side by side; no claims do that, since
// each takes both at once.
struct Gap {
  std::uint64_t begin_position = 0;
  std::uint64_t end_position = 0;
  // The offsets that are missing, less the base offset; may be none.
  std::uint32_t begin_delta = 0;
  std::uint32_t end_delta = 0;
  // Open claims, as their marks say, and nothing else. Otherwise something in it was committed and
  // is damaged.
  bool is_uncommitted = false;
  // The search for frames in it was given up: there may be whole ones.
  bool may_hold_frames = false;

  std::uint64_t bytes() const { return end_position - begin_position; }
};

struct ScanResult {
  std::uint64_t end_position = 0;  // one past the last valid frame
  std::uint32_t end_delta = 0;     // one past the last offset
  std::int64_t records = 0;
  std::int64_t frames = 0;
  std::uint64_t padding_bytes = 0;
  std::vector<Gap> gaps;
  bool is_sealed = false;        // the last frame is a seal
  std::uint64_t tail_bytes = 0;  // from there to the last byte that is not zero
  // The search for frames behind the last one was given up: it may not be the last one.
  bool is_end_unknown = false;
  std::uint64_t searched_bytes = 0;  // that were hashed on the way past what is not a frame
};

// Told of every valid frame, with its position.
using FrameVisitor = std::function<void(std::uint64_t position, const FrameHeader& header)>;

struct ScanOptions {
  SearchOptions search;
  bool ends_at_gap = false;  // what is behind the first gap is not looked for
  // Blocks behind a seal are given back, and on a full disk not even a look at them may succeed.
  bool looks_behind_seal = true;
};

ScanResult Scan(const SegmentBytes& segment, ScanFrom from, const FrameVisitor& visitor = nullptr,
                const ScanOptions& options = {});

// Marks [begin, end), whole units of 8 bytes and at least a frame, as claims that are open; from
// the last one to the first, so that a mark which leads over all of it stands to the end.
void MarkOpen(std::byte* segment, std::uint64_t begin, std::uint64_t end, std::uint64_t segment_id);

// Fills a gap with padding that counts its offsets, so that what follows keeps its own. `segment`
// is where the segment's bytes begin, and is writable up to the end of the gap. A kill in the
// middle leaves open claims with marks.
void PadGap(std::byte* segment, const Gap& gap, std::uint64_t segment_id);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_SCAN_H_
