#include "consumer/run/record_handler.h"

#include <chrono>
#include <utility>

#include "base/split_mix.h"
#include "consumer/run/attempt.h"

namespace daybook::inline v1 {

RecordHandler::RecordHandler(Settings settings)
    : settings_(std::move(settings)),
      random_(
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())) {
}

KeyedExecutor::AttemptResult RecordHandler::Attempt(const KeyedTask& task, int attempt) {
  using Kind = KeyedExecutor::AttemptResult::Kind;
  const RunOptions& options = settings_.options;
  const RecordView& record = task.record;
  const auto status = CallHandler([&] { return settings_.handler(record); });
  if (status.ok()) return {.kind = Kind::kFinished};
  const auto told = TellOfFailure(options, record, status, attempt);
  if (told.ok() && !is_at_most_once() && attempt < options.retries.max_attempts) {
    const std::uint64_t random = SplitMix(random_.fetch_add(kSplitMixStep));
    return {.kind = Kind::kRetry, .backoff = Backoff(options.retries, attempt, random)};
  }
  if (!told.ok()) {
    Fail(told);
  } else if (settings_.dead_letters != nullptr) {
    const auto appended = settings_.dead_letters->Append(record, status, attempt);
    if (appended.ok()) return {.kind = Kind::kFinished};
    Fail(DeadLetterFailed(record, *options.dead_letter_topic, appended));
  } else {
    Fail(RetriesExhausted(record, status, attempt));
  }
  // What comes after it of the same key must not be handled before it is.
  if (!is_at_most_once()) task.mode->store(LaneMode::kDrop);
  return {.kind = Kind::kUnfinished};
}

void RecordHandler::Fail(absl::Status status) {
  {
    MutexLock lock(mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  has_failed_.store(true);
  settings_.on_error();
}

absl::Status RecordHandler::failure() {
  MutexLock lock(mutex_);
  return failure_;
}

}  // namespace daybook::inline v1
