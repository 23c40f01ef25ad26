#include "broker/background/sync_scheduler.h"

#include <algorithm>
#include <new>

#include "base/deadline.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::milliseconds kMemoryRetry{10};

// The messages of errors take memory, too; these are there before it runs out.
const absl::Status& NoMemory() {
  static const absl::Status status = absl::ResourceExhaustedError(
      "there is no memory left to sync with; whether the record survives a power cut is not known");
  return status;
}
const absl::Status& Closed() {
  static const absl::Status status = absl::CancelledError("the broker is closed");
  return status;
}

}  // namespace

SyncScheduler::~SyncScheduler() { Stop(); }

absl::Status SyncScheduler::Start(ThreadFactory& threads) {
  NoMemory();
  Closed();
  if (mode_ != Background::kThread) return absl::OkStatus();
  auto deliver = threads.Start([this] { DeliverLoop(); });
  if (!deliver.ok()) return deliver.status();
  MutexLock lock(mutex_);
  deliver_thread_ = *std::move(deliver);
  auto sync = threads.Start([this] { SyncLoop(); });
  if (!sync.ok()) return sync.status();
  sync_thread_ = *std::move(sync);
  return absl::OkStatus();
}

SyncScheduler::Ticket SyncScheduler::Prepare(std::shared_ptr<PartitionLog> log, Done done) {
  Ticket ticket;
  ticket.push_back({.log = std::move(log),
                    .done = std::move(done),
                    .end = Offset(),
                    .deadline = SteadyTime(),
                    .outcome = absl::OkStatus()});
  return ticket;
}

void SyncScheduler::SyncLater(PartitionLog& log) {
  const SteadyTime due = DeadlineAfter(log.flush_interval());
  MutexLock lock(mutex_);
  if (is_stopped_) return;
  dirty_.Add(log, due);
  has_news_ = true;
  changed_.NotifyAll();
}

void SyncScheduler::SyncSoon(Ticket ticket, Offset end) {
  ticket.front().end = end;
  ticket.front().deadline = DeadlineAfter(kSyncTimeout);
  {
    MutexLock lock(mutex_);
    if (!is_stopped_) {
      requests_.Add(std::move(ticket));
      has_news_ = true;
      changed_.NotifyAll();
      return;
    }
  }
  ticket.front().done(Closed(), end);
}

absl::Status SyncScheduler::SyncGroup(Ticket group) {
  const std::shared_ptr<PartitionLog> log = group.front().log;
  const SteadyTime deadline = DeadlineAfter(kSyncTimeout);
  absl::Status status;
  Offset durable;
  try {
    // As far as is committed: somebody may hold a claim open, and that is his own affair.
    auto end = log->end_offset();
    if (end.ok()) *end = std::min(*end, group.back().end);
    if (IsPlanted(PlantedBug::kOneClaimFailsAll)) end = group.back().end;
    status = end.status();
    const bool is_planted = IsPlanted(PlantedBug::kOneClaimFailsAll);
    if (end.ok()) status = log->WaitDurable(*end, is_planted ? SteadyTime() : deadline);
    if (status.ok()) {
      durable = *end;
    } else if (const auto known = log->durable_offset(); known.ok() && !is_planted) {
      durable = *known;  // who waits for no more has it
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    for (SyncRequest& one : group) {
      if (one.end <= durable && (status.ok() || one.end > Offset())) continue;
      one.outcome = status;
      // Says why.
      if (status.ok() && one.deadline <= now) one.outcome = log->WaitDurable(one.end, now);
    }
  } catch (const std::bad_alloc&) {
    status = NoMemory();
    for (SyncRequest& one : group) one.outcome = status;
  }
  MutexLock lock(mutex_);
  Ticket blocked;
  while (!group.empty()) {
    const SyncRequest& one = group.front();
    if (one.outcome.ok() && one.end > durable && !is_stopped_) {
      blocked.splice(blocked.end(), group, group.begin());
      continue;
    }
    if (one.outcome.ok() && one.end > durable) group.front().outcome = Closed();
    told_.splice(told_.end(), group, group.begin());
  }
  requests_.PutBack(std::move(blocked));
  if (requests_.has_blocked()) {
    // The thread may sleep and know of none, if this is not that thread.
    has_news_ = true;
    changed_.NotifyAll();
  }
  told_changed_.NotifyAll();
  return status;
}

absl::Status SyncScheduler::SyncDirty(PartitionLog& log) {
  const SteadyTime start = std::chrono::steady_clock::now();
  absl::Status status;
  try {
    status = log.SyncDirty();
  } catch (const std::bad_alloc&) {
    status = NoMemory();
    log.MarkDirty();
  }
  const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - start;
  MutexLock lock(mutex_);
  dirty_.NoteSyncTime(time);
  return status;
}

SteadyTime SyncScheduler::RunDue(SteadyTime now) {
  Ticket group;
  std::shared_ptr<PartitionLog> dirty;
  {
    MutexLock lock(mutex_);
    has_news_ = false;
    if (is_stopped_) return SteadyTime::max();
    const bool has_memory = dirty_.TakeArrivals();
    group = requests_.TakeGroup(now);
    const SteadyTime first = dirty_.FirstStart();
    if (first <= now) dirty = dirty_.Take();
    if (group.empty() && dirty == nullptr) {
      const SteadyTime memory = has_memory ? SteadyTime::max() : Later(now, kMemoryRetry);
      return std::min({first, requests_.retry_at(), memory});
    }
  }
  // In turn, so that neither waits for all of the other. A failed sync makes its partition
  // read-only: whoever writes to it is told.
  if (!group.empty()) SyncGroup(std::move(group)).IgnoreError();
  if (dirty != nullptr) SyncDirty(*dirty).IgnoreError();
  return now;
}

absl::Status SyncScheduler::RunNow() {
  absl::Status first_error;
  Ticket waiting;
  std::vector<DirtyLogs::Dirty> dirty;
  bool has_memory = true;
  {
    MutexLock lock(mutex_);
    has_memory = dirty_.TakeArrivals();
    waiting = requests_.TakeAll();
    dirty = dirty_.TakeAll();
    ++running_;
  }
  if (!has_memory) first_error = NoMemory();
  while (!waiting.empty()) first_error.Update(SyncGroup(SyncRequests::TakeGroup(waiting)));
  for (const DirtyLogs::Dirty& one : dirty) first_error.Update(SyncDirty(*one.log));
  {
    MutexLock lock(mutex_);
    --running_;
    if (is_stopped_) changed_.NotifyAll();
  }
  if (mode_ == Background::kCaller) Deliver();
  return first_error;
}

void SyncScheduler::Deliver() {
  for (;;) {
    Ticket next;
    {
      MutexLock lock(mutex_);
      if (told_.empty()) return;
      next.splice(next.begin(), told_, told_.begin());
    }
    next.front().done(next.front().outcome, next.front().end);
  }
}

void SyncScheduler::ExpectSyncTime(std::chrono::nanoseconds time) {
  MutexLock lock(mutex_);
  dirty_.ExpectSyncTime(time);
}

void SyncScheduler::SyncLoop() {
  for (;;) {
    const SteadyTime now = std::chrono::steady_clock::now();
    const SteadyTime next = RunDue(now);
    MutexLock lock(mutex_);
    if (is_stopped_) return;
    if (has_news_ || next <= now) continue;
    if (next == SteadyTime::max()) {
      changed_.Wait(mutex_);
    } else {
      changed_.WaitUntil(mutex_, next);
    }
  }
}

void SyncScheduler::DeliverLoop() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (told_.empty() && !has_told_all_) told_changed_.Wait(mutex_);
      if (told_.empty()) return;
    }
    Deliver();
  }
}

void SyncScheduler::Adopt(std::list<std::thread> thread) {
  MutexLock lock(mutex_);
  if (is_stopped_) {
    for (std::thread& one : thread) one.detach();  // nobody joins any more; it needs no broker
    return;
  }
  adopted_.splice(adopted_.end(), thread);
}

void SyncScheduler::Stop() {
  std::thread sync;
  std::thread deliver;
  std::list<std::thread> adopted;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    has_stopped_.store(true, std::memory_order_relaxed);
    dirty_.Clear();
    sync = std::exchange(sync_thread_, std::thread());
    deliver = std::exchange(deliver_thread_, std::thread());
    adopted.swap(adopted_);
    changed_.NotifyAll();
  }
  if (sync.joinable()) sync.join();
  {
    MutexLock lock(mutex_);
    // What they come to is to be told yet.
    while (running_ > 0) changed_.Wait(mutex_);
    Ticket left = requests_.TakeAll();
    for (SyncRequest& one : left) one.outcome = Closed();
    told_.splice(told_.end(), left);
    has_told_all_ = true;
    told_changed_.NotifyAll();
  }
  if (deliver.joinable()) deliver.join();
  Deliver();
  for (std::thread& thread : adopted) thread.join();
}

}  // namespace daybook::inline v1
