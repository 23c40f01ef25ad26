#ifndef DAYBOOK_CONSUMER_RUN_RECORD_HANDLER_H_
#define DAYBOOK_CONSUMER_RUN_RECORD_HANDLER_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "consumer/run/dead_letters.h"
#include "consumer/run/keyed_executor.h"
#include "daybook/consumer_group.h"
#include "daybook/group_run.h"

namespace daybook::inline v1 {

// What a worker does with a record: calls the handler, tells of its failure, and decides whether
// the record is tried again, becomes a dead letter, or ends the Run; and the first error that does.
//
// The records of a partition after one that ended the Run are not begun any more, but at
// kAtMostOnce: what is committed is handled now or never. Thread-safe.
class RecordHandler {
 public:
  struct Settings {
    Guarantee guarantee = Guarantee::kAtLeastOnce;
    const RunOptions& options;  // must outlive it, as all others
    const Handler& handler;
    const DeadLetters* dead_letters;  // or null
    std::function<void()> on_error;   // there is one to end the Run; must not throw
  };
  explicit RecordHandler(Settings settings);

  KeyedExecutor::AttemptResult Attempt(const KeyedTask& task, int attempt);
  // The Run ends with `status`, if it does not with an earlier one.
  void Fail(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  bool has_failed() const { return has_failed_.load(); }
  // OK while it has not.
  absl::Status failure() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  bool is_at_most_once() const { return settings_.guarantee == Guarantee::kAtMostOnce; }

  const Settings settings_;
  std::atomic<std::uint64_t> random_;    // for the jitter: the state of a SplitMix
  std::atomic<bool> has_failed_{false};  // set after failure_, which its mutex publishes
  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_RECORD_HANDLER_H_
