#ifndef DAYBOOK_LOG_APPEND_SEGMENT_SOURCE_H_
#define DAYBOOK_LOG_APPEND_SEGMENT_SOURCE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "log/store/segment_store.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// Where an ActiveSegment has its segments from: files (FileSource), or memory (MemoryRing). All
// calls are made with the mutex of the log's SegmentStore held, which is passed as such.
class SegmentSource {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A new segment with room for a claim of that many bytes. After an error nothing is left of it.
  virtual absl::StatusOr<std::shared_ptr<Segment>> Create(SegmentStore& segments,
                                                          Offset base_offset, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) = 0;
  // Makes claims up to `position` fit. Throws nothing: a claim has been made, and must be settled.
  virtual absl::Status Extend(SegmentStore& segments, Segment& segment, std::uint64_t position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) = 0;
  // The segment is sealed: what it does not need is given back, soon. Throws nothing.
  virtual void Sealed(SegmentStore& segments, const std::shared_ptr<Segment>& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) = 0;
  // The segment goes off the list.
  virtual void Forget(SegmentStore&, const std::shared_ptr<Segment>&) {}
  // A new segment takes appends.
  virtual void Started(SegmentStore&, const Segment&) {}
  // The disk is full; whether appends can go on in a new segment all the same.
  virtual bool HasReserve(SegmentStore&) const { return false; }

  // Drops segments until there is room for another one; false if none may be dropped now.
  virtual bool MakeRoom(SegmentStore&) { return true; }
  // Waits for that as long as the topic wants it, while `is_wanted`, which is asked with the lock
  // held. `*deadline` is set by the first call of an append, and given to the next ones. OK does
  // not mean that there still is room. ResourceExhausted: there is none.
  virtual absl::Status AwaitRoom(SegmentStore&, Time*, const std::function<bool()>&) {
    return absl::OkStatus();
  }
  // Another segment is active, or none, or the log was closed: wakes those who wait for room.
  virtual void Changed() {}

 protected:
  ~SegmentSource() = default;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_SEGMENT_SOURCE_H_
