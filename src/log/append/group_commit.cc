#include "log/append/group_commit.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

// From so many waiters on, those that do not sync yield for about as long as a sync takes before
// they park (as RocksDB's write threads do): to wake a thread on a core that sleeps takes longer
// than the sync itself on a virtual machine, and each of them needs it.
constexpr int kManyWaiters = 2;

// Ends the turn of the thread that syncs, even when memory runs out in the middle of it.
class SyncTurn {
 public:
  SyncTurn(Atomic<bool>& is_syncing, EventCount& synced)
      : is_syncing_(is_syncing), synced_(synced) {}
  ~SyncTurn() {
    is_syncing_.store(false, std::memory_order_release);
    synced_.Notify();
  }
  SyncTurn(const SyncTurn&) = delete;
  SyncTurn& operator=(const SyncTurn&) = delete;

 private:
  Atomic<bool>& is_syncing_;
  EventCount& synced_;
};

}  // namespace

absl::Status GroupCommit::error() {
  MutexLock lock(mutex_);
  return error_;
}

absl::Status GroupCommit::Wait(Offset end, Time deadline) {
  waiters_.fetch_add(1, std::memory_order_relaxed);
  absl::Status status = AwaitDurable(end, deadline);
  waiters_.fetch_sub(1, std::memory_order_relaxed);
  return status;
}

bool GroupCommit::AwaitSync(EventCount::Key key, Time deadline) {
  if (waiters_.load(std::memory_order_relaxed) >= kManyWaiters) {
    const auto until = std::chrono::steady_clock::now() + 2 * last_sync_time_.load();
    while (std::chrono::steady_clock::now() < std::min(until, deadline)) {
      if (synced_.PrepareForCertainNotify() != key) return true;
      std::this_thread::yield();
    }
  }
  return synced_.CommitWait(key, deadline);
}

absl::Status GroupCommit::AwaitDurable(Offset end, Time deadline) {
  // Mostly what is asked for was committed just now, and the one look without a lock says so.
  for (bool is_committed = log_.CommittedEnd() >= end;;) {
    const EventCount::Key key = synced_.PrepareForCertainNotify();
    if (durable_end() >= end) return absl::OkStatus();
    if (has_failed()) return error();
    if (!is_committed) {
      // Not in a turn: others wait for less.
      if (auto status = log_.AwaitCommitted(end, deadline); !status.ok()) return status;
      is_committed = true;
    } else if (!is_syncing_.exchange(true)) {
      absl::Status status;
      {
        const SyncTurn turn(is_syncing_, synced_);
        status = SyncForAll(end);
      }
      if (!status.ok()) return status;
      is_committed = false;  // if that was not enough, a claim in an earlier segment is open
    } else if (!AwaitSync(key, deadline)) {
      return absl::DeadlineExceededError(
          absl::StrCat(name_.directory(), ": the disk did not finish a sync in time"));
    }
  }
}

void GroupCommit::GatherGroup() {
  const Offset enough = durable_end() + last_group_;
  const auto until = std::chrono::steady_clock::now() + last_sync_time_.load();
  while (waiters_.load(std::memory_order_relaxed) > 1 && log_.ClaimedEnd() < enough &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
}

absl::Status GroupCommit::SyncForAll(Offset end) {
  // All of this may have changed since the caller looked.
  if (durable_end() >= end) return absl::OkStatus();
  if (auto refusal = log_.SyncRefusal(); !refusal.ok()) return refusal;
  if (has_failed()) return error();
  // Those whom the last sync released are about to append again: without a little patience it
  // would be made for the first of them alone, and all others would wait for the next one.
  GatherGroup();
  const auto start = std::chrono::steady_clock::now();
  if (IsPlanted(PlantedBug::kDurableBeforeSync)) SetDurableEnd(end);
  const SyncableLog::Synced synced = log_.SyncCommitted(durable_end());
  last_group_ = log_.ClaimedEnd() - durable_end();
  last_sync_time_ = std::chrono::steady_clock::now() - start;
  const auto& durable = synced.durable_end;
  if (durable.ok()) {
    SetDurableEnd(*durable);
    return absl::OkStatus();
  }
  if (synced.disk_failed && !IsPlanted(PlantedBug::kRetriesFailedSync)) {
    // What the disk holds is not known any more: a second sync would answer OK for pages that the
    // kernel has dropped. No more writes until the directory is opened anew.
    log_.RefuseWrites(absl::FailedPreconditionError(absl::StrCat(
        name_.directory(), ": read-only since a sync failed (", durable.status().message(),
        "); check the disk and open the directory again")));
    MutexLock lock(mutex_);
    error_ = durable.status();
    has_failed_.store(true, std::memory_order_release);
  }
  return durable.status();
}

absl::Status GroupCommit::SyncLast() {
  // A thread that asks for a sync now is refused it, and is done in a moment.
  while (is_syncing_.exchange(true)) std::this_thread::yield();
  const SyncTurn turn(is_syncing_, synced_);
  return log_.SyncCommitted(durable_end()).durable_end.status();
}

}  // namespace daybook::inline v1
