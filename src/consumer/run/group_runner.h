#ifndef DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_
#define DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "base/event_count.h"
#include "consumer/run/dead_letters.h"
#include "consumer/run/finished_offsets.h"
#include "consumer/run/keyed_executor.h"
#include "consumer/run/partition_pauses.h"
#include "consumer/run/record_handler.h"
#include "consumer/run/records_in_flight.h"
#include "daybook/consumer_group.h"
#include "daybook/group_run.h"
#include "daybook/system/clock.h"
#include "daybook/system/thread_factory.h"

namespace daybook::inline v1 {

// The member of a group whose records a pool of workers handles: ConsumerGroup::Run without the
// checks of its arguments and without joining.
//
//   Poll -> RecordsInFlight -> a task for each record, by lane -> KeyedExecutor -> RecordHandler
//                  ^                                                   |
//                  +------------------ what came back -----------------+   -> FinishedOffsets
//
// All of it but the handler's part and Wake runs in the member's own thread, the listener, too, so
// that nothing here needs a lock. That thread sleeps in Poll, whenever there is room for records;
// when there is none, at first for itself, since handlers often make some soon, and then in Poll
// with all partitions paused, so that the member takes part in rebalances and is not lost.
class GroupRunner {
 public:
  struct Settings {
    Clock* clock = &Clock::System();
    ThreadFactory* threads = &ThreadFactory::System();
    Guarantee guarantee = Guarantee::kAtLeastOnce;
    RunOptions options = {};  // checked
    Handler handler = nullptr;
    std::optional<DeadLetters> dead_letters = {};
  };

  explicit GroupRunner(Settings settings);

  // For the consumer that is given to Run; calls into this for as long as that Run lasts.
  RebalanceListener Listener();

  // Runs until the stop or an error, and leaves the group. Once.
  absl::Status Run(Consumer& consumer);

 private:
  struct PoolStopper {
    KeyedExecutor& pool;
    ~PoolStopper() { pool.Stop(); }
  };

  absl::Status RunToEnd(Consumer& consumer);
  // What the member does over and over: one Poll, or one wait for room, and all that is due.
  absl::Status Turn();
  // After Poll answered so: goes on behind what cannot be read, if that is asked for
  // (run_damage.cc).
  absl::Status PassDamage(const absl::Status& status);
  // From the records to the workers, and back.
  void Dispatch();
  void Collect();

  // Waits a little for room to hand out more; whether there is some, or something else to look at.
  bool WaitBriefly();
  // How long the next Poll may take.
  std::chrono::nanoseconds PollTimeout();

  // Nothing more of these is handed out, and `mode` is what happens to what was; waits for that
  // until the deadline.
  void Drain(const PartitionStreams& streams, LaneMode mode,
             std::chrono::steady_clock::time_point deadline);
  void OnRevoked(const std::vector<TopicPartition>& partitions);
  void OnLost(const std::vector<TopicPartition>& partitions);
  absl::Status Finish(absl::Status result);

  bool is_at_most_once() const { return settings_.guarantee == Guarantee::kAtMostOnce; }
  // After how many that came back it is worth to hand out more: the workers have most of the
  // records still to do then.
  std::int64_t quarter() const;
  // Ends the sleep of the member, or its next one. From any thread.
  void Wake();

  const Settings settings_;
  Consumer* consumer_ = nullptr;  // set before the workers start
  EventCount event_;
  RecordsInFlight records_;
  PartitionPauses pauses_;
  FinishedOffsets finished_;
  std::chrono::steady_clock::time_point last_poll_;
  std::vector<KeyedTask> tasks_;           // Dispatch's, kept for its memory
  std::vector<KeyedExecutor::Done> done_;  // Collect's
  RecordHandler handler_;
  KeyedExecutor pool_;  // the last one: its workers use the others
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_
