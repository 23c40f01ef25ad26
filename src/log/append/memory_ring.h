#ifndef DAYBOOK_LOG_APPEND_MEMORY_RING_H_
#define DAYBOOK_LOG_APPEND_MEMORY_RING_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "log/append/read_mark.h"
#include "log/append/segment_source.h"
#include "log/log_context.h"
#include "log/store/segment_store.h"
#include "segment/segment_pool.h"

namespace daybook::inline v1 {

// The memory of a log that is in memory: when the log has all the segments that it may have, the
// oldest one is dropped, and comes back to the pool as soon as nobody reads it any more. Batches
// that a reader holds, and the segment that its cursor stands in, so come on top of the bound.
//
// Guarded by the mutex of the log's SegmentList, which all calls that need it are given; the marks
// move without it. A mark that moves must see that somebody waits, or be seen by it: each side
// stores its own before it loads the other's, all of it sequentially consistent.
class MemoryRing final : public SegmentSource {
 public:
  // `settings.memory` must be there. `context` must outlive this.
  MemoryRing(const LogContext& context, const PartitionName& name, const LogSettings& settings);

  // Whether segments are kept for those who have not read them yet.
  bool keeps_unread() const { return settings_.when_full != WhenFull::kDropOldest; }

  // ResourceExhausted: no memory.
  absl::StatusOr<std::shared_ptr<Segment>> Create(SegmentStore&, Offset base_offset,
                                                  std::uint64_t) override {
    return pool_->Take(base_offset, context_.clock->Now());
  }
  absl::Status Extend(SegmentStore&, Segment& segment, std::uint64_t position) override {
    return segment.Extend(position);
  }
  void Sealed(SegmentStore&, const std::shared_ptr<Segment>&) override {}
  bool MakeRoom(SegmentStore& segments) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  absl::Status AwaitRoom(SegmentStore& segments, Time* deadline,
                         const std::function<bool()>& is_wanted) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  void Changed() override { room_.NotifyAll(); }

  void AddMark(SegmentList& segments, const ReadMark* mark) ABSL_LOCKS_EXCLUDED(segments.mutex());
  void RemoveMark(SegmentList& segments, const ReadMark* mark)
      ABSL_LOCKS_EXCLUDED(segments.mutex());
  // Call after a mark has moved.
  void MarkMoved(SegmentList& segments) ABSL_LOCKS_EXCLUDED(segments.mutex());

 private:
  bool IsUnread(Offset end) const;
  absl::Status Full(SegmentStore& segments) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  const LogContext& context_;
  const std::string directory_;  // for messages
  const MemorySettings settings_;
  const std::uint64_t segment_bytes_;
  const std::shared_ptr<SegmentPool> pool_;
  std::vector<const ReadMark*> marks_;
  Atomic<int> waiters_{0};
  CondVar room_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_MEMORY_RING_H_
