#ifndef DAYBOOK_FORMAT_OPEN_CLAIMS_H_
#define DAYBOOK_FORMAT_OPEN_CLAIMS_H_

#include <cstdint>

#include "format/frame_codec.h"

namespace daybook::inline v1::frame {

// Where a run of claims that a dead writer left open leads to.
struct OpenClaims {
  enum class Next {
    kFrame,    // at `position` stands a length word that is not zero: look whether it is a frame
    kNothing,  // zeros from `position` to the end of the segment's bytes
    kBroken,   // at `position` stands what no claim begins with: the marks lead no further
  };
  Next next = Next::kNothing;
  std::uint64_t position = 0;
  int claims = 0;  // that were marked, on the way there
};

// Follows the marks of open claims (frame.h) from `position`, where a zero length word stands. What
// it answers is certain in the boot of the claims, if all their writers are dead, and `segment`
// ends at the claim bound or behind it. Otherwise kFrame is a guess to be checked by the checksum
// of what stands there, and kNothing means little. Looks at no byte inside of a marked claim.
OpenClaims FollowClaims(const SegmentBytes& segment, std::uint64_t position);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_OPEN_CLAIMS_H_
