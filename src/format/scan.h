#ifndef DAYBOOK_FORMAT_SCAN_H_
#define DAYBOOK_FORMAT_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "format/frame_codec.h"

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
  // It begins with a zero length word: a claim that was never committed. Otherwise what stands
  // there was committed and is damaged.
  bool is_uncommitted = false;

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
};

// Where to begin.
struct ScanFrom {
  std::uint64_t position = kSegmentHeaderBytes;
  std::uint32_t delta = 0;  // no frame there has a lower one
};

// Told of every valid frame, with its position.
using FrameVisitor = std::function<void(std::uint64_t position, const FrameHeader& header)>;

ScanResult Scan(const SegmentBytes& segment, ScanFrom from, const FrameVisitor& visitor = nullptr);

struct FoundFrame {
  std::uint64_t position = 0;
  FrameHeader header{};
};

// The first valid frame at or after `from.position` (a multiple of 8) whose offset is not below
// `from.delta`.
std::optional<FoundFrame> FindFrame(const SegmentBytes& segment, ScanFrom from);

// Fills a gap with padding that counts its offsets, so that what follows keeps its own. `segment`
// is where the segment's bytes begin, and is writable up to the end of the gap.
void PadGap(std::byte* segment, const Gap& gap, std::uint64_t segment_id);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_SCAN_H_
