#include "broker/background/retention_worker.h"

#include <chrono>
#include <memory>
#include <new>

#include "base/deadline.h"
#include "broker/access.h"
#include "broker/background/retention.h"

namespace daybook::inline v1 {
namespace {

// Kafka's log.retention.check.interval.ms is 5 minutes; here a look costs next to nothing.
constexpr std::chrono::seconds kCheckInterval{5};
// Where the disk is full, each append that fails asks for one.
constexpr std::chrono::milliseconds kLeastInterval{100};

}  // namespace

absl::Status RetentionWorker::Start(ThreadFactory& threads) {
  return thread_.Start(threads, [this] { Loop(); });
}

void RetentionWorker::SegmentBegun(PartitionLog& log) {
  log.background().has_begun_segment.store(true, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  wants_begun_ = true;
  changed_.NotifyAll();
}

void RetentionWorker::DiskIsFull() {
  MutexLock lock(mutex_);
  wants_all_ = true;
  changed_.NotifyAll();
}

void RetentionWorker::SettingsChanged() {
  { MutexLock apply_lock(apply_mutex_); }
  MutexLock lock(mutex_);
  wants_all_ = true;
  changed_.NotifyAll();
}

bool RetentionWorker::is_stopped() {
  MutexLock lock(mutex_);
  return is_stopped_;
}

absl::Status RetentionWorker::Apply(PartitionLog& log) {
  while (!is_stopped()) {
    MutexLock apply_lock(apply_mutex_);
    const auto topic = catalog_.Find(log.name().topic());
    if (!topic.ok()) return absl::OkStatus();  // it was deleted meanwhile
    const RetentionOptions rules = topic->options().retention;
    if (!HasBound(rules) || log.is_deleted()) return absl::OkStatus();
    const auto has_more = ApplyRetention(log, rules, offsets_, clock_.Now());
    if (!has_more.ok()) return has_more.status();
    if (!*has_more) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status RetentionWorker::ApplyTo(bool all) {
  absl::Status status;
  try {
    for (const std::shared_ptr<TopicState>& topic : catalog_.All()) {
      if (topic->is_internal() || !HasBound(topic->options().retention)) continue;
      for (Partition& partition : topic->partitions()) {
        PartitionLog& log = Access::Log(partition);
        const bool has_begun = log.background().has_begun_segment.exchange(false);
        if (all || has_begun) status.Update(Apply(log));
        if (is_stopped()) return status;
      }
    }
  } catch (const std::bad_alloc&) {
    status.Update(absl::ResourceExhaustedError("there is no memory left for retention"));
  }
  return status;
}

absl::Status RetentionWorker::RunNow() { return ApplyTo(true); }

void RetentionWorker::Loop() {
  auto next_check = DeadlineAfter(kCheckInterval);
  auto first_check = SteadyTime::min();  // of those that are asked for
  for (;;) {
    bool all = false;
    {
      MutexLock lock(mutex_);
      for (;;) {
        if (is_stopped_) return;
        const auto now = std::chrono::steady_clock::now();
        all = now >= next_check || (wants_all_ && now >= first_check);
        if (all || wants_begun_) break;
        changed_.WaitUntil(mutex_, wants_all_ ? first_check : next_check);
      }
      wants_begun_ = false;
      if (all) wants_all_ = false;
    }
    ApplyTo(all).IgnoreError();
    if (!all) continue;
    first_check = DeadlineAfter(kLeastInterval);
    next_check = DeadlineAfter(kCheckInterval);
  }
}

void RetentionWorker::Stop() {
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    changed_.NotifyAll();
  }
  thread_.Join();
}

}  // namespace daybook::inline v1
