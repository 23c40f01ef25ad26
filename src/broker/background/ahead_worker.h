#ifndef DAYBOOK_BROKER_BACKGROUND_AHEAD_WORKER_H_
#define DAYBOOK_BROKER_BACKGROUND_AHEAD_WORKER_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "broker/background/worker_thread.h"
#include "daybook/broker.h"
#include "daybook/system/thread_factory.h"
#include "log/partition_log.h"
#include "log/work_queue.h"

namespace daybook::inline v1 {

// Calls PartitionLog::WorkAhead for the partitions that ask for it: in a thread of its own, or in
// whoever calls RunNow. Thread-safe.
class AheadWorker {
 public:
  explicit AheadWorker(Background mode) : thread_(mode) {}
  ~AheadWorker() { Stop(); }

  // Starts the thread, if there is to be one. ResourceExhausted: there are no more.
  absl::Status Start(ThreadFactory& threads) ABSL_LOCKS_EXCLUDED(mutex_);

  // Throws nothing: the caller is in the middle of an append.
  void Request(PartitionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);

  // Does all that there is to do now.
  void RunNow() ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets what was asked for, takes no more, and ends the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  // The next partition, without it in the queue; null: there is none.
  std::shared_ptr<PartitionLog> Take() ABSL_LOCKS_EXCLUDED(mutex_);

  WorkerThread thread_;
  Mutex mutex_;
  CondVar changed_;
  WorkQueue requests_ ABSL_GUARDED_BY(mutex_);
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  ThreadFactory* late_threads_ = nullptr;  // of a planted bug
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_AHEAD_WORKER_H_
