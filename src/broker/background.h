#ifndef DAYBOOK_BROKER_BACKGROUND_H_
#define DAYBOOK_BROKER_BACKGROUND_H_

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/broker.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// Syncs that nobody waits for: of partitions at kInterval, and for asynchronous sends. In one
// thread, started when there is first something to do, or in whoever calls RunNow. Thread-safe.
class BackgroundWork {
 public:
  explicit BackgroundWork(Background mode) : mode_(mode) {}
  // Stops; what is pending is told Cancelled.
  ~BackgroundWork();

  // Told once, with no lock held, whether everything before the offset asked for is durable.
  using Done = std::function<void(const absl::Status&)>;

  // Syncs `log` after `delay`; once for all requests that come meanwhile.
  void SyncLater(std::shared_ptr<PartitionLog> log, std::chrono::nanoseconds delay);
  // Syncs `log` up to `end` as soon as possible.
  void SyncSoon(std::shared_ptr<PartitionLog> log, Offset end, Done done);

  Background mode() const { return mode_; }

  // Does all that is pending, whether it is due or not; the first error.
  absl::Status RunNow() ABSL_LOCKS_EXCLUDED(mutex_);

  // No more work is taken: what is asked for later is told so at once. Ends the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct Waiting {
    std::shared_ptr<PartitionLog> log;
    Offset end;
    Done done;
  };
  struct Dirty {
    std::shared_ptr<PartitionLog> log;
    Time due;
  };

  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Run(std::vector<Waiting> waiting, std::vector<Dirty> dirty)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const Background mode_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<Dirty> dirty_ ABSL_GUARDED_BY(mutex_);
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_H_
