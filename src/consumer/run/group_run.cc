#include "daybook/group_run.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/callback_scope.h"
#include "base/mutex.h"
#include "consumer/consumer_state.h"
#include "consumer/run/attempt.h"
#include "consumer/run/group_runner.h"
#include "consumer/run/transaction_runner.h"
#include "coordination/group_registry.h"
#include "daybook/consumer_group.h"
#include "daybook/limits.h"

namespace daybook::inline v1 {
namespace {

absl::Status CheckRange(const std::string& name, double value, double least, double most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("RunOptions::", name, " is ", value, "; it must be from ", least, " to ", most));
}

absl::Status Check(const RunOptions& options) {
  constexpr double kNoLimit = 1e15;
  constexpr double kDay = 86'400'000;
  const RetryOptions& retries = options.retries;
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return static_cast<double>(time.count());
  };
  const absl::Status checks[] = {
      CheckRange("threads", options.threads, 1, limits::kMaxRunThreads),
      CheckRange("max_in_flight", static_cast<double>(options.max_in_flight), 1, kNoLimit),
      CheckRange("max_ahead", static_cast<double>(options.max_ahead), 1, kNoLimit),
      CheckRange("retries.max_attempts", retries.max_attempts, 1, kNoLimit),
      CheckRange("retries.initial_backoff", milliseconds(retries.initial_backoff), 0, kDay),
      CheckRange("retries.max_backoff", milliseconds(retries.max_backoff), 0, kDay),
      CheckRange("retries.jitter", retries.jitter, 0, 1),
      CheckRange("commit_interval", milliseconds(options.commit_interval), 0, kDay),
      CheckRange("drain_timeout", milliseconds(options.drain_timeout), 0, kDay),
      CheckRange("max_transaction_bytes", static_cast<double>(options.max_transaction_bytes), 1,
                 kNoLimit),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (options.order != RunOrder::kByKey && options.order != RunOrder::kByPartition) {
    return absl::InvalidArgumentError("RunOptions::order has no value of its type");
  }
  if (options.damage < OnDamage::kStop || options.damage > OnDamage::kDeadLetter) {
    return absl::InvalidArgumentError("RunOptions::damage has no value of its type");
  }
  if (options.damage == OnDamage::kDeadLetter && !options.dead_letter_topic.has_value()) {
    return absl::InvalidArgumentError(
        "RunOptions::damage is OnDamage::kDeadLetter; name a dead_letter_topic, too");
  }
  return absl::OkStatus();
}

absl::Status NoHandler(const std::string& group) {
  return absl::InvalidArgumentError(absl::StrCat("the group ", group, " has no handler to run"));
}

// What several threads come to together: the first error of theirs.
class Outcome {
 public:
  void Update(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    status_.Update(status);
  }
  absl::Status status() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// Threads that are joined whatever happens, since they use what their starter has.
struct Threads {
  explicit Threads(std::stop_source& source) : stop(source) {}
  ~Threads() {
    stop.request_stop();
    Join();
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  void Join() {
    for (std::thread& thread : all) thread.join();
    all.clear();
  }
  std::stop_source& stop;
  std::vector<std::thread> all;
};

// Calls `run` with the numbers from 0 on, each in a thread of its own, until all have returned.
// When one ends, whatever for, the others are asked to.
absl::Status RunThreads(ThreadFactory& factory, int threads, const std::stop_token& outer,
                        const std::function<absl::Status(int, const std::stop_token&)>& run) {
  std::stop_source stop;
  const std::stop_callback on_stop(outer, [&stop] { stop.request_stop(); });
  Outcome outcome;
  // Made ahead: there may be no memory for a message.
  const absl::Status no_memory = NoMemoryToRun();
  Threads started(stop);
  started.all.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    auto thread = factory.Start([&, i] {
      try {
        outcome.Update(run(i, stop.get_token()));
      } catch (const std::bad_alloc&) {
        outcome.Update(no_memory);
      }
      stop.request_stop();
    });
    if (!thread.ok()) {
      outcome.Update(thread.status());
      stop.request_stop();
      break;
    }
    started.all.push_back(*std::move(thread));
  }
  started.Join();
  return outcome.status();
}

}  // namespace

absl::Status ConsumerGroup::Run(std::vector<std::string> topics, const RunOptions& options,
                                Handler handler) {
  if (auto status = Check(options); !status.ok()) return status;
  if (handler == nullptr) return NoHandler(name_);
  if (options_.guarantee == Guarantee::kExactlyOnce) {
    return absl::InvalidArgumentError(
        absl::StrCat("the group ", name_, " is set to exactly-once, which takes a handler that ",
                     "writes to a transaction; give one, or choose Guarantee::kAtLeastOnce"));
  }
  if (options.stop.stop_requested()) return absl::OkStatus();
  BrokerCore& core = groups_->core();
  GroupRunner::Settings settings{
      .clock = &core.clock(),
      .threads = &core.threads(),
      .guarantee = options_.guarantee,
      .options = options,
      .handler = [&core, handler = std::move(handler)](const RecordView& record) {
        const CallbackScope scope(&core, CallbackScope::Kind::kHandler);
        return handler(record);
      }};
  if (options.dead_letter_topic.has_value()) {
    auto opened = DeadLetters::Open(core, *options.dead_letter_topic, topics);
    if (!opened.ok()) return opened.status();
    settings.dead_letters = *std::move(opened);
  }
  GroupRunner runner(std::move(settings));
  const auto consumer =
      Join(std::move(topics), {.instance_id = options.instance_id, .listener = runner.Listener()});
  if (!consumer.ok()) return consumer.status();
  (*consumer)->state_->LeaveDropsToCaller();
  return runner.Run(**consumer);
}

absl::Status ConsumerGroup::Run(std::vector<std::string> topics, const RunOptions& options,
                                TransactionHandler handler) {
  if (auto status = Check(options); !status.ok()) return status;
  if (handler == nullptr) return NoHandler(name_);
  if (options_.guarantee != Guarantee::kExactlyOnce) {
    return absl::InvalidArgumentError(
        absl::StrCat("the group ", name_, " is not set to exactly-once, and its handler writes to ",
                     "a transaction; choose Guarantee::kExactlyOnce"));
  }
  if (options.stop.stop_requested()) return absl::OkStatus();
  BrokerCore& core = groups_->core();
  TransactionRunner::Settings settings{
      .groups = groups_,
      .clock = &core.clock(),
      .options = options,
      .handler = [&core, handler = std::move(handler)](const RecordView& record,
                                                       Transaction& transaction) {
        const CallbackScope scope(&core, CallbackScope::Kind::kHandler);
        return handler(record, transaction);
      }};
  if (options.dead_letter_topic.has_value()) {
    auto opened = DeadLetters::Open(core, *options.dead_letter_topic, topics);
    if (!opened.ok()) return opened.status();
    settings.dead_letters = *std::move(opened);
  }
  const std::string& instance = options.instance_id;
  return RunThreads(
      core.threads(), options.threads, options.stop, [&](int number, const std::stop_token& stop) {
        TransactionRunner runner(settings, stop);
        const auto consumer = Join(
            topics, {.instance_id = instance.empty() ? "" : absl::StrCat(instance, "-", number),
                     .listener = runner.Listener()});
        if (!consumer.ok()) return consumer.status();
        (*consumer)->state_->LeaveDropsToCaller();
        return runner.Run(**consumer);
      });
}

}  // namespace daybook::inline v1
