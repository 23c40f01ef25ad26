#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/backoff.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "log/partition_log.h"

// What one sync of a log does, and who asks for it. How those who wait share one: GroupCommit.

namespace daybook::inline v1 {

absl::Status PartitionLog::AwaitCommitted(Offset end,
                                          std::chrono::steady_clock::time_point deadline) {
  for (Backoff backoff;; backoff.Wait()) {
    const auto committed = end_offset();  // opens the partition, if nobody did
    if (!committed.ok()) return committed.status();
    if (*committed >= end) return absl::OkStatus();
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          ClaimedEnd() > *committed
              ? absl::StrCat(name().directory(), ": offset ", committed->value(),
                             " is claimed and not committed, so nothing behind it can be made "
                             "durable; commit or drop the claim")
              : absl::StrCat(name().directory(), ": there is nothing before offset ", end.value(),
                             " that could be made durable; the partition ends at ",
                             committed->value()));
    }
  }
}

absl::Status PartitionLog::WaitDurable(Offset end, std::chrono::steady_clock::time_point deadline) {
  if (auto status = segments_.SyncableStatus(); !status.ok()) return status;
  return group_commit_.Wait(end, deadline);
}

absl::Status PartitionLog::SyncRefusal() {
  if (!segments_.is_deleted()) return absl::OkStatus();
  MutexLock lock(segments_.mutex());  // the files may be another process's by now
  return segments_.deletion();
}

bool PartitionLog::HasClaimsBehind(Offset end) {
  if (!segments_.has_files()) return false;
  MutexLock lock(segments_.mutex());
  return end < (active_.segment() == nullptr ? segments_.next_base() : ClaimedEnd());
}

absl::Status PartitionLog::SyncDirty() {
  background_.is_dirty.store(false);
  // Whoever commits a frame and then finds the mark set leaves it to this sync, which must find the
  // frame: a barrier between the store and the look on either side, and both are paid for here.
  WaitList::BarrierOfWaiter();
  if (is_deleted()) return absl::OkStatus();  // nobody waits for it any more
  const auto end = end_offset();
  absl::Status status = end.status();
  if (end.ok()) {
    status = WaitDurable(*end, DeadlineAfter(std::chrono::seconds(30)));
  }
  // What is promised is still to be done; after a failed sync whoever asks is told so again. An
  // append behind an open claim is not committed for readers, and nobody tells when it is.
  if (!status.ok() || HasClaimsBehind(*end)) MarkDirty();
  return status;
}

absl::Status PartitionLog::SyncLastCommits() {
  if (!background_.is_dirty.exchange(false) || group_commit_.has_failed()) return absl::OkStatus();
  return group_commit_.SyncLast();
}

absl::StatusOr<Offset> PartitionLog::durable_offset() {
  MutexLock lock(segments_.mutex());
  if (const auto status = segments_.EnsureOpen(); !status.ok()) return status;
  const auto durable = segments_.DurableEnd(group_commit_.durable_end());
  if (!durable.ok()) return durable;
  // Not more than there is, whatever a checkpoint says that something else has written.
  const auto end = segments_.EndOffsetLocked();
  return end.ok() ? std::min(*durable, *end) : durable;
}

}  // namespace daybook::inline v1
