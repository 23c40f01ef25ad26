#ifndef DAYBOOK_SEGMENT_INDEX_SEGMENT_SEARCH_H_
#define DAYBOOK_SEGMENT_INDEX_SEGMENT_SEARCH_H_

#include <cstdint>
#include <optional>

#include "daybook/format/frame.h"
#include "daybook/system/clock.h"
#include "format/frame_codec.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

class Segment;

// Finding frames of a segment by offset and by time, and the walk over frames that it takes where
// the index knows no more.

// The place behind the frame at `position`.
inline ClaimWord BehindFrame(std::uint64_t position, const frame::FrameHeader& header) {
  return MakeClaimWord(std::uint64_t{header.offset_delta} + frame::OffsetCount(header),
                       position + frame::AlignedLength(frame::LengthOf(header.length_word)));
}

// One step of a walk over frames.
struct FrameStep {
  frame::FrameState state = frame::FrameState::kNothing;
  frame::FrameHeader header{};
  // Set for kValid, for kBad when a valid frame follows, and for kNothing when that is behind
  // claims of the dead.
  ClaimWord next = 0;
};
FrameStep StepFrom(Segment& segment, ClaimWord at);

// The frame that holds offset base + delta, or the next one behind it; the committed end if that
// is not above it. Goes past damage.
std::uint64_t FindDelta(Segment& segment, std::uint64_t delta);

// The first frame at or after `from` that has a record of that time or later; absent if there is
// none that is committed. It may be of a transaction that was not.
std::optional<ClaimWord> FindTime(Segment& segment, Timestamp time, ClaimWord from = kFirstFrame);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_SEGMENT_SEARCH_H_
