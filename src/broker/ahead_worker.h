#ifndef DAYBOOK_BROKER_AHEAD_WORKER_H_
#define DAYBOOK_BROKER_AHEAD_WORKER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/broker.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// Calls PartitionLog::WorkAhead for the partitions that ask for it: in a thread, started at the
// first request, or in whoever calls RunNow. Thread-safe.
class AheadWorker {
 public:
  explicit AheadWorker(Background mode) : mode_(mode) {}
  ~AheadWorker() { Stop(); }

  void Request(std::shared_ptr<PartitionLog> log) ABSL_LOCKS_EXCLUDED(mutex_);

  // Does all that there is to do now.
  void RunNow() ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets what was asked for, takes no more, and ends the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);

  const Background mode_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::shared_ptr<PartitionLog>> requests_ ABSL_GUARDED_BY(mutex_);
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_AHEAD_WORKER_H_
