#ifndef DAYBOOK_BROKER_BACKGROUND_BACKGROUND_WORK_H_
#define DAYBOOK_BROKER_BACKGROUND_BACKGROUND_WORK_H_

#include "absl/status/status.h"
#include "broker/background/ahead_worker.h"
#include "broker/background/retention_worker.h"
#include "broker/background/sync_scheduler.h"
#include "daybook/broker.h"
#include "daybook/system/thread_factory.h"

namespace daybook::inline v1 {

// All that a broker does while nobody waits for it, in the threads of its parts or in whoever calls
// RunNow. Thread-safe.
class BackgroundWork {
 public:
  // All must outlive this.
  BackgroundWork(Background mode, Catalog& catalog, OffsetStore& offsets, Clock& clock)
      : syncs_(mode), ahead_(mode), retention_(mode, catalog, offsets, clock) {}

  // ResourceExhausted: there are not so many threads; those that there are Stop ends.
  absl::Status Start(ThreadFactory& threads) {
    absl::Status status = syncs_.Start(threads);
    if (status.ok()) status = ahead_.Start(threads);
    return status;
  }
  // The same of what deletes: when it is known which transactions count.
  absl::Status StartRetention(ThreadFactory& threads) { return retention_.Start(threads); }
  // What is due; the first error.
  absl::Status RunNow() {
    ahead_.RunNow();
    absl::Status status = retention_.RunNow();
    status.Update(syncs_.RunNow());
    return status;
  }
  // Nothing is begun any more; what was promised to be synced must have been.
  void Stop() {
    retention_.Stop();
    syncs_.Stop();
    ahead_.Stop();
  }

  SyncScheduler& syncs() { return syncs_; }
  AheadWorker& ahead() { return ahead_; }
  RetentionWorker& retention() { return retention_; }

 private:
  SyncScheduler syncs_;
  AheadWorker ahead_;
  RetentionWorker retention_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_BACKGROUND_WORK_H_
