#include "broker/directory_lease.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {

absl::Status DirectoryLease::Close(const std::function<Ended()>& end) {
  MutexLock lock(mutex_);
  if (std::exchange(has_ended_, true)) return Settle();  // what could not be waited for last time
  if (IsPlanted(PlantedBug::kReleasesLockFirst)) {
    lock_.reset();
    return absl::OkStatus();
  }
  Ended ended = end();
  synced_ = std::move(ended.synced);
  unsettled_ = std::move(ended.logs);
  return Settle();
}

absl::Status DirectoryLease::Settle() {
  const auto deadline = std::chrono::steady_clock::now() + settle_timeout_;
  absl::Status synced;
  std::erase_if(unsettled_, [&](const std::shared_ptr<PartitionLog>& log) {
    if (!log->AwaitSettled(deadline)) return false;
    synced.Update(log->SyncLastCommits());
    return true;
  });
  synced_.Update(synced);
  if (unsettled_.empty()) {
    lock_.reset();
    return synced_;
  }
  if (!synced_.ok()) return synced_;
  // Another process must not take the directory as long as ours can write to it.
  return absl::DeadlineExceededError(absl::StrCat(
      path_, " stays locked: a claim in ", unsettled_.front()->name().directory(),
      " is open, or a sync has not come back; commit or drop the claim, and close again"));
}

}  // namespace daybook::inline v1
