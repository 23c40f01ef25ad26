#ifndef DAYBOOK_BROKER_BACKGROUND_RETENTION_WORKER_H_
#define DAYBOOK_BROKER_BACKGROUND_RETENTION_WORKER_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "broker/background/worker_thread.h"
#include "broker/offsets/offset_store.h"
#include "broker/topics/catalog.h"
#include "daybook/broker.h"
#include "daybook/system/clock.h"
#include "daybook/system/thread_factory.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// Applies the retention of topics: to a partition that has begun a segment, to all of them every
// few seconds, and at once when the disk is full. In a thread of its own, since it waits for the
// disk, or in whoever calls RunNow. What failed is tried again the next time. Thread-safe.
class RetentionWorker {
 public:
  // All must outlive this.
  RetentionWorker(Background mode, Catalog& catalog, OffsetStore& offsets, Clock& clock)
      : thread_(mode), catalog_(catalog), offsets_(offsets), clock_(clock) {}
  ~RetentionWorker() { Stop(); }

  // Starts the thread, if there is to be one; it must be known by then which transactions count.
  // ResourceExhausted: there are no more.
  absl::Status Start(ThreadFactory& threads) ABSL_LOCKS_EXCLUDED(mutex_);

  // That partition has begun a segment. Throws nothing: the caller is in the middle of an append.
  void SegmentBegun(PartitionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same of a full disk.
  void DiskIsFull() ABSL_LOCKS_EXCLUDED(mutex_);
  // The settings of a topic have changed: returns when nothing is deleted by the old ones any more.
  void SettingsChanged() ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);

  // Looks at all partitions; the first error.
  absl::Status RunNow() ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);

  // Forgets what was asked for, takes no more, and ends the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);
  // To all partitions, or those that have begun a segment since the last look.
  absl::Status ApplyTo(bool all) ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);
  // By the settings that the topic has now; in parts, so that others are not kept waiting.
  absl::Status Apply(PartitionLog& log) ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);
  bool is_stopped() ABSL_LOCKS_EXCLUDED(mutex_);

  WorkerThread thread_;
  Catalog& catalog_;
  OffsetStore& offsets_;
  Clock& clock_;
  // Held while what goes is chosen and deleted.
  Mutex apply_mutex_ ABSL_ACQUIRED_BEFORE(mutex_){LockOrder::kRetention};
  Mutex mutex_;
  CondVar changed_;
  bool wants_begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool wants_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_RETENTION_WORKER_H_
