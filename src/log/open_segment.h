#ifndef DAYBOOK_LOG_OPEN_SEGMENT_H_
#define DAYBOOK_LOG_OPEN_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "daybook/offset.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// A segment that a log has, opened or not.
struct OpenSegment {
  Offset base_offset;
  std::shared_ptr<Segment> segment = nullptr;  // empty until it is needed
  bool was_active = false;                     // somebody held up may still claim in it
  bool is_undecided = false;                   // recovery could not tell where it ends, and left it
  bool is_unsettled = false;                   // recovery failed: the next open is to try again
  bool is_durable = false;                     // if it is not open: to its seal
  std::uint64_t last_used = 0;                 // by the count of PartitionLog::uses_
  std::optional<TimeSummary> times = {};       // of its records, once that was asked for
  std::uint64_t seen_changes = 0;              // when a follower saw that it is what has the name
};

inline bool IsDurable(const OpenSegment& slot) {
  return slot.is_durable || (slot.segment != nullptr && slot.segment->is_durable());
}

// Whether nobody else has a share in it. Comes after all that the others did with it: use_count()
// alone orders nothing, but giving up one more share does.
inline bool IsOnlyOwner(const std::shared_ptr<Segment>& segment) {
  if (segment.use_count() != 1) return false;
  std::shared_ptr<Segment>(segment).reset();
  return true;
}
// Where records are collected: before this offset, and the frame that holds it.
struct ReadBound {
  Offset offset{std::numeric_limits<std::int64_t>::max()};
  std::uint64_t position = std::numeric_limits<std::uint64_t>::max();
};

// A claim: its place, and once it holds the segment that it is in.
struct Claimed {
  Segment* segment = nullptr;
  ClaimWord before = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_OPEN_SEGMENT_H_
