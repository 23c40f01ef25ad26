#include <chrono>
#include <thread>

#include "log/partition_log.h"

// The end of a log: what stops at once, and what is waited for, so that the files can be given up
// to another process.

namespace daybook::inline v1 {
namespace {

// A claim is filled within microseconds; one that is not is looked at this often.
constexpr std::chrono::microseconds kClaimPoll{50};
constexpr int kSpins = 100;

}  // namespace

void PartitionLog::StopAppends() {
  Segment* segment = active_.load(std::memory_order_relaxed);
  if (segment == nullptr) return;
  const auto end = segment->CloseHere();
  if (!end) return AwaitRoll(segment->gate());
  next_base_ = segment->base_offset() + RecordsOf(*end);
  SetActive(nullptr);
  segment->Checkpoint(context_.boot);
}

void PartitionLog::Close(const absl::Status& reason) {
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return;
    closed_ = reason;
    room_.NotifyAll();
    StopAppends();
  }
  FinishWorkAhead();
}

void PartitionLog::Delete(const absl::Status& reason) {
  Close(reason);
  MutexLock lock(mutex_);
  deleted_ = reason;
  // Seen by whoever syncs next, or the sync is seen by AwaitSettled.
  is_deleted_.store(true);
  if (is_open_ && context_.lock != nullptr && !context_.is_read_only) {
    context_.lock->ShowUnused(follower_.part());
  }
  waiters_.NotifyIfAny();
}

bool PartitionLog::IsSettled() {
  if (is_in_memory() || context_.is_read_only || !is_open_) return true;
  if (is_syncing_.load()) return false;
  PassCommitted().IgnoreError();                                // a writer has open what it wrote
  if (first_uncommitted_ + 1 < segments_.size()) return false;  // a claim before a seal is open
  // What is not mapped was committed before it was unmapped, or never appended to.
  if (segments_.empty() || !segments_.back().was_active || segments_.back().segment == nullptr) {
    return true;
  }
  Segment& last = *segments_.back().segment;
  return last.base_offset() + RecordsOf(last.CommittedEnd()) >= next_base_;
}

bool PartitionLog::AwaitSettled(std::chrono::steady_clock::time_point deadline) {
  for (int spins = 0;; ++spins) {
    {
      MutexLock lock(mutex_);
      if (IsSettled()) return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) return false;
    if (spins < kSpins) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kClaimPoll);
    }
  }
}

}  // namespace daybook::inline v1
