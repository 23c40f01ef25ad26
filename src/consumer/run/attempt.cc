#include "consumer/run/attempt.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

std::string PlaceOf(const RecordView& record) {
  return absl::StrCat(std::string(record.topic), "-", record.partition, ", offset ",
                      record.offset.value());
}

}  // namespace

absl::Status CallHandler(const std::function<absl::Status()>& handler, std::string_view what) {
  try {
    return handler();
  } catch (const std::exception& error) {
    return absl::UnknownError(absl::StrCat(std::string(what), " threw: ", error.what()));
  } catch (...) {
    return absl::UnknownError(
        absl::StrCat(std::string(what), " threw something that is no std::exception"));
  }
}

absl::Status TellOfFailure(const RunOptions& options, const RecordView& record,
                           const absl::Status& status, int attempt) {
  if (options.on_failure == nullptr) return absl::OkStatus();
  const auto tell = [&] {
    options.on_failure(record, status, attempt);
    return absl::OkStatus();
  };
  return CallHandler(tell, "RunOptions::on_failure");
}

absl::Status TellOfDamage(const RunOptions& options, const DamagedRange& damage,
                          const absl::Status& status) {
  if (options.on_damage == nullptr) return absl::OkStatus();
  const auto tell = [&] {
    options.on_damage(damage, status);
    return absl::OkStatus();
  };
  return CallHandler(tell, "RunOptions::on_damage");
}

absl::Status NoMemoryToRun() {
  return absl::ResourceExhaustedError(
      "there is no memory left to run a group with; what was not committed is handled again");
}

std::chrono::nanoseconds Backoff(const RetryOptions& options, int failures, std::uint64_t random) {
  const std::chrono::nanoseconds most = options.max_backoff;
  std::chrono::nanoseconds backoff =
      std::min<std::chrono::nanoseconds>(options.initial_backoff, most);
  for (int i = 1; i < failures && backoff < most; ++i) {
    backoff = backoff > most / 2 ? most : 2 * backoff;
  }
  // [0, 1), from the 53 bits that a double holds.
  const double share = std::ldexp(static_cast<double>(random >> 11), -53);
  const double kept = 1.0 - options.jitter * share;
  return std::chrono::nanoseconds(
      std::llround(static_cast<double>(backoff.count()) * std::clamp(kept, 0.0, 1.0)));
}

absl::Status RetriesExhausted(const RecordView& record, const absl::Status& cause, int attempts) {
  return absl::Status(cause.code(),
                      absl::StrCat(PlaceOf(record), " failed ", attempts,
                                   " times; set dead_letter_topic to go on without it. ",
                                   "The last time: ", cause.message()));
}

absl::Status DeadLetterFailed(const RecordView& record, const std::string& topic,
                              const absl::Status& why) {
  return absl::Status(
      why.code(), absl::StrCat(PlaceOf(record), " cannot be put into the dead-letter topic ", topic,
                               ": ", why.message()));
}

}  // namespace daybook::inline v1
