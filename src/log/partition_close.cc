#include <chrono>

#include "base/backoff.h"
#include "log/partition_log.h"

// The end of a log: what stops at once, and what is waited for, so that the files can be given up
// to another process.

namespace daybook::inline v1 {

void PartitionLog::Close(const absl::Status& reason) {
  {
    MutexLock lock(segments_.mutex());
    if (!segments_.refusal().ok()) return;
    segments_.RefuseWrites(reason);
    if (memory_ != nullptr) memory_->Changed();
    active_.Stop(segments_);
  }
  files_.preparer().Finish(segments_);
}

void PartitionLog::Delete(const absl::Status& reason) {
  Close(reason);
  MutexLock lock(segments_.mutex());
  // Seen by the next thread that syncs, or its sync is seen by AwaitSettled.
  segments_.MarkDeleted(reason);
  waiters_.NotifyIfAny();
}

bool PartitionLog::IsSettled() {
  if (!segments_.has_files() || segments_.belongs_elsewhere() || !segments_.is_open()) return true;
  if (group_commit_.is_syncing()) return false;
  segments_.PassCommitted().IgnoreError();  // a writer has open what it wrote
  // A claim before a seal is open.
  if (segments_.first_uncommitted() + 1 < segments_.size()) return false;
  // What is not mapped was committed before it was unmapped, or never appended to.
  if (segments_.empty() || !segments_.back().was_active || segments_.back().segment == nullptr) {
    return true;
  }
  Segment& last = *segments_.back().segment;
  return last.base_offset() + RecordsOf(last.CommittedEnd()) >= segments_.next_base();
}

bool PartitionLog::AwaitSettled(std::chrono::steady_clock::time_point deadline) {
  for (Backoff backoff;; backoff.Wait()) {
    {
      MutexLock lock(segments_.mutex());
      if (IsSettled()) return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
}

}  // namespace daybook::inline v1
