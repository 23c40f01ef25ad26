#ifndef DAYBOOK_SEGMENT_CLAIM_WORD_H_
#define DAYBOOK_SEGMENT_CLAIM_WORD_H_

#include <cstdint>

#include "daybook/format/frame.h"

// A place in a segment as one 64-bit word: how many records come before it in the high half, and
// its position in units of 8 bytes in the low half. One atomic add moves both, so claiming bytes
// and offsets is wait-free. The low half counts to 32 GiB, far beyond the 4 GiB of the largest
// segment, so the claims that overshoot it while it is being closed do not run into the high half.

namespace daybook::inline v1 {

using ClaimWord = std::uint64_t;

constexpr ClaimWord MakeClaimWord(std::uint64_t records, std::uint64_t bytes) {
  return records << 32 | bytes / frame::kFrameAlignment;
}
constexpr std::uint64_t PositionOf(ClaimWord word) {
  return (word & 0xffff'ffff) * frame::kFrameAlignment;
}
constexpr std::uint32_t RecordsOf(ClaimWord word) { return static_cast<std::uint32_t>(word >> 32); }

// Where the first frame of every segment stands.
inline constexpr ClaimWord kFirstFrame = MakeClaimWord(0, frame::kSegmentHeaderBytes);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_CLAIM_WORD_H_
