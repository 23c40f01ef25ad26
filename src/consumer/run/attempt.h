#ifndef DAYBOOK_CONSUMER_RUN_ATTEMPT_H_
#define DAYBOOK_CONSUMER_RUN_ATTEMPT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "daybook/group_run.h"

namespace daybook::inline v1 {

// What the handler says, or what the exception says that leaves it; `what` it is.
absl::Status CallHandler(const std::function<absl::Status()>& handler,
                         std::string_view what = "the handler");

// Tells RunOptions::on_failure and on_damage, if there are any: what they throw ends Run, and would
// otherwise end the process, from a thread of ours.
absl::Status TellOfFailure(const RunOptions& options, const RecordView& record,
                           const absl::Status& status, int attempt);
absl::Status TellOfDamage(const RunOptions& options, const DamagedRange& damage,
                          const absl::Status& status);

// Why Run ends when its own thread has got no memory. Takes some itself.
absl::Status NoMemoryToRun();

// How long to wait after the attempt with the number `failures`, from 1 on. `random`: any 64 bits,
// for the jitter.
std::chrono::nanoseconds Backoff(const RetryOptions& options, int failures, std::uint64_t random);

// Why Run ends with a record whose last attempt failed: there is nowhere to put it,
absl::Status RetriesExhausted(const RecordView& record, const absl::Status& cause, int attempts);
// or it cannot be put into the dead-letter topic.
absl::Status DeadLetterFailed(const RecordView& record, const std::string& topic,
                              const absl::Status& why);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_ATTEMPT_H_
