#ifndef DAYBOOK_LOG_OPEN_SEGMENT_H_
#define DAYBOOK_LOG_OPEN_SEGMENT_H_

#include <cstdint>
#include <memory>

#include "daybook/offset.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// A segment that a log has, opened or not.
struct OpenSegment {
  Offset base_offset;
  std::shared_ptr<Segment> segment = nullptr;  // empty until it is needed
  bool was_active = false;                     // somebody held up may still claim in it
  bool is_durable = false;                     // if it is not open: to its seal
  std::uint64_t last_used = 0;                 // by the count of PartitionLog::uses_
};

inline bool IsDurable(const OpenSegment& slot) {
  return slot.is_durable || (slot.segment != nullptr && slot.segment->is_durable());
}

// A claim that holds: its place, and the segment that it is in.
struct Claimed {
  Segment* segment = nullptr;
  ClaimWord before = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_OPEN_SEGMENT_H_
