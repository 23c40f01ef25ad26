#include "daybook/group_run.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "group/group_runner.h"

namespace daybook::inline v1 {
namespace {

constexpr int kMostThreads = 1024;

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
      CheckRange("threads", options.threads, 1, kMostThreads),
      CheckRange("max_in_flight", static_cast<double>(options.max_in_flight), 1, kNoLimit),
      CheckRange("max_ahead", static_cast<double>(options.max_ahead), 1, kNoLimit),
      CheckRange("retries.max_attempts", retries.max_attempts, 1, kNoLimit),
      CheckRange("retries.initial_backoff", milliseconds(retries.initial_backoff), 0, kDay),
      CheckRange("retries.max_backoff", milliseconds(retries.max_backoff), 0, kDay),
      CheckRange("retries.jitter", retries.jitter, 0, 1),
      CheckRange("commit_interval", milliseconds(options.commit_interval), 0, kDay),
      CheckRange("drain_timeout", milliseconds(options.drain_timeout), 0, kDay),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ConsumerGroup::Run(std::vector<std::string> topics, const RunOptions& options,
                                Handler handler) {
  if (auto status = Check(options); !status.ok()) return status;
  if (handler == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the group ", name_, " has no handler to run"));
  }
  if (options_.guarantee == Guarantee::kExactlyOnce) {
    return absl::InvalidArgumentError(
        absl::StrCat("the group ", name_, " is set to exactly-once, which takes a handler that ",
                     "writes to a transaction; give one, or choose Guarantee::kAtLeastOnce"));
  }
  if (options.stop.stop_requested()) return absl::OkStatus();
  GroupRunner::Settings settings{.clock = &broker_.core().clock(),
                                 .guarantee = options_.guarantee,
                                 .options = options,
                                 .handler = std::move(handler)};
  if (options.dead_letter_topic.has_value()) {
    auto opened = DeadLetters::Open(broker_, *options.dead_letter_topic, topics);
    if (!opened.ok()) return opened.status();
    settings.dead_letters = *std::move(opened);
  }
  GroupRunner runner(std::move(settings));
  const auto consumer =
      Join(std::move(topics), {.instance_id = options.instance_id, .listener = runner.Listener()});
  if (!consumer.ok()) return consumer.status();
  return runner.Run(**consumer);
}

}  // namespace daybook::inline v1
