#ifndef DAYBOOK_CONSUMER_RUN_KEYED_EXECUTOR_H_
#define DAYBOOK_CONSUMER_RUN_KEYED_EXECUTOR_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <queue>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "daybook/record.h"
#include "daybook/system/clock.h"
#include "daybook/system/thread_factory.h"

namespace daybook::inline v1 {

// What is still to happen to the records of one partition that were handed out. Set by the thread
// that hands out, but for the step from kDrain to kDrop; only ever goes on in this order.
enum class LaneMode {
  kRun,
  kDrain,  // they are handled, but nothing waits for another attempt
  kDrop,   // they come back unfinished
};

// A record on its way through the workers and back.
struct KeyedTask {
  RecordView record;
  std::atomic<LaneMode>* mode = nullptr;  // of its partition
  void* owner = nullptr;                  // comes back with it
  std::uint64_t ticket = 0;
  std::size_t lane = 0;  // or kOwnLane
};
// A task that waits for no other one.
inline constexpr std::size_t kOwnLane = std::numeric_limits<std::size_t>::max();

// Workers and lanes. A lane is a queue of tasks that one worker at a time handles, in order; many
// more lanes than workers, so that whatever runs nowhere else can run now. A task that is to be
// attempted again stays in front of its lane, which waits aside until then; its worker goes on
// with other lanes.
//
// One thread hands tasks out and takes them back (the member of the group), with one lock for each
// batch of tasks. A worker takes all that a lane has with one lock, so a task costs it about one,
// uncontended, to give it back. Nobody is woken who does not sleep.
class KeyedExecutor {
 public:
  // What became of an attempt at a task.
  struct AttemptResult {
    enum class Kind { kFinished, kUnfinished, kRetry } kind = Kind::kFinished;
    std::chrono::nanoseconds backoff{0};  // of kRetry
  };
  struct Settings {
    int threads = 1;
    std::size_t lanes = 1;
    // On whose MonotonicNow tasks wait for their next attempt; must outlive the pool.
    Clock* clock = &Clock::System();
    ThreadFactory* threads_of = &ThreadFactory::System();
    // The attempt number from 1 on. In a worker; must not throw.
    std::function<AttemptResult(const KeyedTask&, int)> attempt;
    // There is what WakeWhen asked for. In a worker, with no lock held; must not throw.
    std::function<void()> wake;
  };
  struct Done {
    void* owner = nullptr;
    std::uint64_t ticket = 0;
    bool is_finished = false;
  };

  explicit KeyedExecutor(Settings settings);
  // Stops.
  ~KeyedExecutor();
  KeyedExecutor(const KeyedExecutor&) = delete;
  KeyedExecutor& operator=(const KeyedExecutor&) = delete;

  // ResourceExhausted: the system gives us no more threads. To be called once.
  absl::Status Start();

  // Hands tasks out; those of a lane are handled in this order.
  void Push(std::span<const KeyedTask> tasks) ABSL_LOCKS_EXCLUDED(mutex_);

  // Appends what came back since the last call. Every task does, once, before Stop.
  void Collect(std::vector<Done>& done);

  // `wake` is to be called, once, when `tasks` more have come back, or fewer and the workers have
  // nothing to do. Look (Collect) after this call and before sleeping: what came back before it
  // does not count. 0: not any more.
  void WakeWhen(std::int64_t tasks) { wanted_.store(tasks); }

  // After a change of modes: no lane waits that need not.
  void RetryNow() ABSL_LOCKS_EXCLUDED(mutex_);

  // No attempt is begun any more, and those under way have returned.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct KeyQueue {
    std::vector<KeyedTask> incoming;  // guarded by the pool's mutex
    bool is_scheduled = false;        // guarded by the pool's mutex: runnable, waiting, or in work
    // Of the worker that has the lane; guarded by the pool's mutex when none has.
    std::vector<KeyedTask> active;
    std::size_t next = 0;  // in `active`
    int failures = 0;      // of that task
    Time retry_at;
    bool is_of_one_task = false;
  };
  struct Waiting {
    Time until;
    KeyQueue* lane = nullptr;
    bool operator>(const Waiting& other) const { return until > other.until; }
  };
  struct alignas(64) Worker {
    EventCount event;
    std::thread thread;
    Mutex mutex;
    std::vector<Done> done ABSL_GUARDED_BY(mutex);
  };

  void Work(Worker& worker);
  // Gives `lane` back, if there is one, and takes the next; null when the pool stops.
  KeyQueue* NextLane(Worker& worker, KeyQueue* lane) ABSL_LOCKS_EXCLUDED(mutex_);
  // Handles what the lane has, until a task has to wait.
  void Handle(Worker& worker, KeyQueue& lane);
  void GiveBack(Worker& worker, const KeyedTask& task, bool is_finished);

  KeyQueue& LaneOf(const KeyedTask& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(KeyQueue& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When a worker that finds nothing to do has to look again.
  Time NextLook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes up to `count` workers out of the parked ones, to be notified without the lock.
  std::vector<Worker*> Unpark(std::size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Settings settings_;
  std::vector<KeyQueue> lanes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // How many tasks are still to come back before `wake`; not over 0: nobody waits. Publishes
  // nothing: the workers' mutexes do.
  std::atomic<std::int64_t> wanted_{0};
  std::atomic<bool> is_stopping_{false};  // read between attempts; set under the mutex

  Mutex mutex_;
  // Of tasks with a lane of their own, as many as there ever were at a time; and those free now.
  std::deque<KeyQueue> own_lanes_ ABSL_GUARDED_BY(mutex_);
  std::vector<KeyQueue*> free_lanes_ ABSL_GUARDED_BY(mutex_);
  std::deque<KeyQueue*> runnable_ ABSL_GUARDED_BY(mutex_);
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_
      ABSL_GUARDED_BY(mutex_);
  std::vector<Worker*> parked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_KEYED_EXECUTOR_H_
