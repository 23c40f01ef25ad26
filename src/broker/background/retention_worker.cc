#include "broker/background/retention_worker.h"

#include <new>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "broker/access.h"

namespace daybook::inline v1 {
namespace {

// Kafka's log.retention.check.interval.ms is 5 minutes; here a look costs next to nothing.
constexpr std::chrono::seconds kCheckInterval{5};

}  // namespace

absl::Status RetentionWorker::Start(ThreadFactory& threads) {
  if (mode_ != Background::kThread) return absl::OkStatus();
  auto thread = threads.Start([this] { Loop(); });
  if (!thread.ok()) return thread.status();
  MutexLock lock(mutex_);
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void RetentionWorker::Request(PartitionLog& log) {
  if (mode_ != Background::kThread) return;  // RunNow looks at all
  MutexLock lock(mutex_);
  if (is_stopped_) return;
  requests_.Push(log.shared_from_this(), log.background().retention);
  changed_.NotifyAll();
}

void RetentionWorker::RequestAll() {
  MutexLock lock(mutex_);
  wants_all_ = true;
  changed_.NotifyAll();
}

absl::Status RetentionWorker::Apply(PartitionLog& log, const RetentionRules& rules) {
  try {
    return ApplyRetention(log, rules, offsets_, clock_.Now());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("retention: out of memory");
  }
}

void RetentionWorker::ApplyTo(PartitionLog& log) {
  if (log.is_internal()) return;
  const auto topic = catalog_.Find(log.name().topic());
  if (!topic.ok()) return;
  const RetentionRules rules = RetentionRulesOf(topic->options());
  if (!rules.empty()) Apply(log, rules).IgnoreError();
}

absl::Status RetentionWorker::RunNow() {
  absl::Status status;
  for (const std::shared_ptr<TopicState>& topic : catalog_.All()) {
    const RetentionRules rules = RetentionRulesOf(topic->options());
    if (topic->is_internal() || rules.empty()) continue;
    for (Partition& partition : topic->partitions()) {
      status.Update(Apply(Access::Log(partition), rules));
      MutexLock lock(mutex_);
      if (is_stopped_) return status;
    }
  }
  return status;
}

void RetentionWorker::Loop() {
  auto next_check = DeadlineAfter(kCheckInterval);
  for (;;) {
    std::shared_ptr<PartitionLog> log;
    {
      MutexLock lock(mutex_);
      while (!is_stopped_ && requests_.empty() && !wants_all_) {
        if (!changed_.WaitUntil(mutex_, next_check)) wants_all_ = true;
      }
      if (is_stopped_) return;
      if (wants_all_) {
        wants_all_ = false;
      } else {
        log = requests_.Pop();
      }
    }
    if (log != nullptr) {
      ApplyTo(*log);
      continue;
    }
    RunNow().IgnoreError();
    next_check = DeadlineAfter(kCheckInterval);
  }
}

void RetentionWorker::Stop() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    requests_.Clear();
    thread = std::exchange(thread_, std::thread());
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

}  // namespace daybook::inline v1
