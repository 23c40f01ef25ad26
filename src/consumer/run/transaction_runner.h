#ifndef DAYBOOK_CONSUMER_RUN_TRANSACTION_RUNNER_H_
#define DAYBOOK_CONSUMER_RUN_TRANSACTION_RUNNER_H_

#include <chrono>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "consumer/run/dead_letters.h"
#include "coordination/poll_deadline.h"
#include "daybook/consumer_group.h"
#include "daybook/group_run.h"
#include "daybook/system/clock.h"
#include "daybook/transaction.h"

namespace daybook::inline v1 {

// One member of ConsumerGroup::Run at kExactlyOnce, without the checks of its arguments and without
// joining.
//
//   Poll -> batch -> handler, record by record -> one transaction -> Commit, with the place
//                         | a failure: Abort, SeekToCommitted
//                         v
//        the partition is paused until the record's next attempt; after the last one, the record's
//        dead letter takes the place of its results
//
// What the members share is thread-safe; each runs in a thread of its own, the listener, too.
class TransactionRunner {
 public:
  struct Settings {
    std::shared_ptr<GroupRegistry> groups = nullptr;
    Clock* clock = &Clock::System();
    RunOptions options = {};  // checked; its stop is not looked at
    TransactionHandler handler = nullptr;
    std::optional<DeadLetters> dead_letters = {};
  };

  // `settings` must outlive it.
  TransactionRunner(const Settings& settings, std::stop_token stop);

  // For the consumer that is given to Run; calls into this for as long as that Run lasts.
  RebalanceListener Listener();

  // Runs until the stop or an error. Once.
  absl::Status Run(Consumer& consumer);

 private:
  // A record that failed and is not committed.
  struct Failure {
    int attempts = 0;
    absl::Status cause;
    MonotonicTime retry_at = {};
    bool is_last = false;  // it is not tried again
  };
  using Failures = std::map<Offset, Failure>;

  // What the member does over and over: one Poll, and one transaction of what that returned.
  absl::Status Turn();
  // After Poll answered so: goes on behind what cannot be read, if that is asked for
  // (run_damage.cc).
  absl::Status PassDamage(const absl::Status& status);
  absl::Status Handle(const RecordBatch& batch);
  absl::Status HandleOne(const RecordView& record, Transaction& transaction);
  absl::Status Commit(const RecordBatch& batch, Offset next, std::size_t handled,
                      Transaction& transaction);
  // After HandleOne answered so, for the record behind `handled` others, and the transaction was
  // aborted; anything but OK ends Run.
  absl::Status Recover(const RecordView& record, const absl::Status& status, std::size_t handled);
  absl::Status CountFailure(const RecordView& record, const absl::Status& status);
  // If the record has failed before.
  Failure* FailureOf(const RecordView& record);
  bool MustWait(const RecordView& record);
  bool IsOverdue();

  // The partition is not read before that time.
  absl::Status PauseUntil(const TopicPartition& partition, MonotonicTime time);
  absl::Status ResumeDue();
  std::chrono::nanoseconds PollTimeout() const;
  void Forget(const std::vector<TopicPartition>& partitions);

  // More records than these are not tried in one transaction for a while.
  void Shorten(std::size_t records);
  void Lengthen();

  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  const Settings& settings_;
  const std::stop_token stop_;
  Consumer* consumer_ = nullptr;
  std::mt19937_64 random_;

  std::map<TopicPartition, Failures> failures_;
  std::map<TopicPartition, MonotonicTime> waiting_;  // paused until then
  // The most records of a transaction, and how many are to be committed with it before it grows.
  std::size_t limit_ = kNoLimit;
  int kept_ = 0;
  std::optional<std::chrono::steady_clock::time_point> drained_by_;  // once it is to stop
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_TRANSACTION_RUNNER_H_
