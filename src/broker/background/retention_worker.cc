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
// Where the disk is full, each append that fails asks for one.
constexpr std::chrono::milliseconds kLeastInterval{100};

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

void RetentionWorker::SettingsChanged() {
  { MutexLock apply_lock(apply_mutex_); }
  RequestAll();
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
    const RetentionRules rules = RetentionRulesOf(topic->options());
    if (rules.empty() || log.is_deleted()) return absl::OkStatus();
    const auto has_more = ApplyRetention(log, rules, offsets_, clock_.Now());
    if (!has_more.ok()) return has_more.status();
    if (!*has_more) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status RetentionWorker::ApplyToAll() {
  absl::Status status;
  for (const std::shared_ptr<TopicState>& topic : catalog_.All()) {
    if (topic->is_internal() || RetentionRulesOf(topic->options()).empty()) continue;
    for (Partition& partition : topic->partitions()) {
      status.Update(Apply(Access::Log(partition)));
      if (is_stopped()) return status;
    }
  }
  return status;
}

absl::Status RetentionWorker::RunNow() {
  try {
    return ApplyToAll();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is no memory left for retention");
  }
}

void RetentionWorker::Loop() {
  auto next_check = DeadlineAfter(kCheckInterval);
  auto first_check = SteadyTime::min();
  for (;;) {
    std::shared_ptr<PartitionLog> log;
    {
      MutexLock lock(mutex_);
      const auto is_due = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        const auto now = std::chrono::steady_clock::now();
        return now >= next_check || (wants_all_ && now >= first_check);
      };
      while (!is_stopped_ && requests_.empty() && !is_due()) {
        changed_.WaitUntil(mutex_, wants_all_ ? first_check : next_check);
      }
      if (is_stopped_) return;
      if (is_due()) {
        wants_all_ = false;
      } else {
        log = requests_.Pop();
      }
    }
    if (log == nullptr) {
      RunNow().IgnoreError();
      first_check = DeadlineAfter(kLeastInterval);
      next_check = DeadlineAfter(kCheckInterval);
      continue;
    }
    try {
      if (!log->is_internal()) Apply(*log).IgnoreError();
    } catch (const std::bad_alloc&) {
      // The next look at all goes on.
    }
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
