#ifndef DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_
#define DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "consumer/run/dead_letters.h"
#include "consumer/run/keyed_executor.h"
#include "consumer/run/offset_tracker.h"
#include "daybook/consumer_group.h"
#include "daybook/group_run.h"
#include "daybook/system/clock.h"

namespace daybook::inline v1 {

// The member of a group whose records a pool of workers handles: ConsumerGroup::Run without the
// checks of its arguments and without joining.
//
//   Poll -> batch -> a task for each record, by lane -> KeyedExecutor -> what came back -> tracker
//                                                                                -> Commit
//
// All of it but Attempt, Fail and Wake runs in the member's own thread, the listener, too, so that
// nothing here needs a lock. That thread sleeps in Poll, whenever there is room for records; when
// there is none, at first for itself, since handlers often make some soon, and then in Poll with
// all partitions paused, so that the member takes part in rebalances and is not lost.
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
  // The records of one partition, from its assignment to its revocation.
  struct Stream {
    explicit Stream(TopicPartition partition, Offset start)
        : name(std::move(partition)), tracker(start), committed(start) {}
    const TopicPartition name;
    std::atomic<LaneMode> mode{LaneMode::kRun};
    OffsetTracker tracker;
    Offset committed;
    std::int64_t outstanding = 0;  // handed out and not come back
    std::size_t lane = 0;
    bool is_ahead = false;  // so far of its first unfinished record that it is paused
  };
  using Streams = std::vector<std::shared_ptr<Stream>>;
  // What one Poll returned; goes when all of it was handed out and has come back.
  struct Batch {
    RecordBatch records;
    RecordBatch::Iterator next;  // to be handed out
    std::shared_ptr<Stream> stream;
    Offset pass_to;  // nothing of the partition before it comes later
    std::int64_t outstanding = 0;
    std::list<Batch>::iterator self = {};
  };

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
  std::shared_ptr<Stream>& StreamOf(const TopicPartition& name, Offset start);
  void Accept(RecordBatch records);
  void Dispatch();
  std::size_t LaneOf(const RecordView& record, const Stream& stream) const;
  void Collect();
  void Free(Batch& batch);

  // Waits a little for room to hand out more; whether there is some, or something else to look at.
  bool WaitBriefly();
  // How long the next Poll may take.
  std::chrono::nanoseconds PollTimeout();
  absl::Status PauseAll();
  absl::Status ResumeAll();
  // Pauses the partitions that got too far ahead, resumes those that are not any more.
  absl::Status HoldBack();

  absl::Status CommitFinished();
  // `place`: how far each is to be committed.
  absl::Status Commit(const Streams& streams, Offset (OffsetTracker::*place)() const);
  // Nothing more of these is handed out, and `mode` is what happens to what was; waits for that
  // until the deadline.
  void Drain(const Streams& streams, LaneMode mode, std::chrono::steady_clock::time_point deadline);
  void DropPending(const Streams& streams);
  Streams Take(const std::vector<TopicPartition>& partitions);
  void OnRevoked(const std::vector<TopicPartition>& partitions);
  void OnLost(const std::vector<TopicPartition>& partitions);
  absl::Status Finish(absl::Status result);

  bool is_at_most_once() const { return settings_.guarantee == Guarantee::kAtMostOnce; }
  std::int64_t max_in_flight() const { return settings_.options.max_in_flight; }

  // In the workers.
  KeyedExecutor::AttemptResult Attempt(const KeyedTask& task, int attempt);
  void Fail(absl::Status status) ABSL_LOCKS_EXCLUDED(failure_mutex_);
  // Ends the sleep of the member, or its next one. From any thread.
  void Wake();
  absl::Status failure() ABSL_LOCKS_EXCLUDED(failure_mutex_);

  const Settings settings_;
  const std::size_t lanes_;
  Consumer* consumer_ = nullptr;  // set before the workers start
  EventCount event_;

  std::map<TopicPartition, std::shared_ptr<Stream>> streams_;
  std::map<TopicPartition, std::size_t> lane_numbers_;  // of every partition ever read
  std::list<Batch> batches_;
  std::deque<Batch*> pending_;  // not yet handed out to the end, in the order of the polls
  std::int64_t in_flight_ = 0;
  bool is_all_paused_ = false;         // since there is no room
  bool is_some_new_ = false;           // but for partitions that were assigned since
  std::vector<TopicPartition> ahead_;  // to be paused
  bool is_some_ahead_ = false;
  bool has_news_ = false;                              // something to commit
  std::chrono::steady_clock::time_point next_commit_;  // by the broker's clock
  std::chrono::steady_clock::time_point last_poll_;
  std::vector<KeyedTask> tasks_;           // Dispatch's, kept for its memory
  std::vector<KeyedExecutor::Done> done_;  // Collect's

  std::atomic<std::uint64_t> random_;  // for the jitter
  std::atomic<bool> has_failed_{false};
  Mutex failure_mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(failure_mutex_);
  KeyedExecutor pool_;  // the last one: its workers use the others
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_GROUP_RUNNER_H_
