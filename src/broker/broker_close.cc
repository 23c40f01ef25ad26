#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/callback_scope.h"
#include "base/planted_bug.h"
#include "broker/access.h"
#include "broker/broker_core.h"

// How a broker ends: first all that could begin something new, then what is under way, and last the
// lock, which lets another process in.

namespace daybook::inline v1 {
absl::Status BrokerCore::Close() {
  if (CallbackScope::IsWithin(this)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the broker of ", path_,
                     " cannot be closed by a callback or a handler of its own, which "
                     "it would wait for; let another thread close it"));
  }
  MutexLock close_lock(close_mutex_);
  if (std::exchange(has_closed_, true)) {
    MutexLock lock(mutex_);
    return SettleLogs();  // what could not be waited for the last time
  }
  if (IsPlanted(PlantedBug::kReleasesLockFirst)) {
    MutexLock lock(mutex_);
    lock_.reset();
    return absl::OkStatus();
  }
  close_status_ = background_.RunNow();
  background_.Stop();
  ahead_worker_.Stop();
  const auto closed = absl::FailedPreconditionError(
      absl::StrCat("the broker of ", path_, " is closed; open it again"));
  // From here on nothing is made, changed or appended.
  const std::vector<std::shared_ptr<TopicState>> topics = catalog_.Close(closed);
  for (const std::shared_ptr<TopicState>& topic : topics) {
    for (Partition& partition : topic->partitions()) Access::Log(partition).Delete(closed);
  }
  offsets_.Close(closed);
  if (listener_ != nullptr) listener_->TopicsChanged();  // what waits looks again
  MutexLock lock(mutex_);
  for (const std::shared_ptr<TopicState>& topic : topics) {
    for (Partition& partition : topic->partitions()) {
      unsettled_.push_back(Access::Log(partition).shared_from_this());
    }
  }
  return SettleLogs();
}

absl::Status BrokerCore::SettleLogs() {
  const auto deadline = std::chrono::steady_clock::now() + settle_timeout_;
  absl::Status synced;
  std::erase_if(unsettled_, [&](const std::shared_ptr<PartitionLog>& log) {
    if (!log->AwaitSettled(deadline)) return false;
    synced.Update(log->SyncLastCommits());
    return true;
  });
  close_status_.Update(synced);
  if (unsettled_.empty()) {
    lock_.reset();
    return close_status_;
  }
  if (!close_status_.ok()) return close_status_;
  // Another process must not take the directory as long as ours can write to it.
  return absl::DeadlineExceededError(absl::StrCat(
      path_, " stays locked: a claim in ", unsettled_.front()->name().directory(),
      " is open, or a sync has not come back; commit or drop the claim, and close again"));
}

}  // namespace daybook::inline v1
