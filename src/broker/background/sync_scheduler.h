#ifndef DAYBOOK_BROKER_BACKGROUND_SYNC_SCHEDULER_H_
#define DAYBOOK_BROKER_BACKGROUND_SYNC_SCHEDULER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/deadline.h"
#include "base/mutex.h"
#include "broker/background/dirty_logs.h"
#include "broker/background/sync_requests.h"
#include "daybook/broker.h"
#include "daybook/system/thread_factory.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// Syncs that nobody waits for: of partitions at kInterval, and for asynchronous sends. One thread
// syncs and another one tells what came of it, so that a callback that takes its time makes nothing
// durable later; or whoever calls RunNow does both. Thread-safe.
class SyncScheduler {
 public:
  explicit SyncScheduler(Background mode) : mode_(mode) {}
  // Stops; what is pending is told Cancelled.
  ~SyncScheduler();

  // Starts the threads, if there are to be any. ResourceExhausted: there are no more.
  absl::Status Start(ThreadFactory& threads) ABSL_LOCKS_EXCLUDED(mutex_);

  // Told once, with no lock held, whether everything before the offset asked for is durable.
  using Done = std::function<void(const absl::Status&, Offset end)>;
  // A request to sync, made before there is something to sync, so that handing it in takes no
  // memory: what was appended must not be forgotten.
  using Ticket = SyncRequests::List;
  static Ticket Prepare(std::shared_ptr<PartitionLog> log, Done done);

  // Syncs `log` within its flush interval; once for all requests that come meanwhile. Throws
  // nothing: the caller is in the middle of an append.
  void SyncLater(PartitionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);
  // Syncs up to `end` as soon as possible. Waits for claims before it that are still open, for as
  // long as a sync may take; those who wait for less are told meanwhile.
  void SyncSoon(Ticket ticket, Offset end) ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncSoon(std::shared_ptr<PartitionLog> log, Offset end, Done done) {
    SyncSoon(Prepare(std::move(log), std::move(done)), end);
  }

  Background mode() const { return mode_; }
  bool is_stopped() const { return has_stopped_.load(std::memory_order_relaxed); }

  // Does all that is pending, whether it is due or not; the first error. What waits for a claim
  // that is open goes on waiting. Where there are threads, those tell what came of it.
  absl::Status RunNow() ABSL_LOCKS_EXCLUDED(mutex_);
  // A step of the thread that syncs, of what is to be started by `now`. Returns when to look again:
  // no later than `now` if there may be more.
  SteadyTime RunDue(SteadyTime now) ABSL_LOCKS_EXCLUDED(mutex_);
  // What one sync at kInterval is expected to take, before there was any.
  void ExpectSyncTime(std::chrono::nanoseconds time) ABSL_LOCKS_EXCLUDED(mutex_);

  // No more work is taken: what is asked for later is told so at once. Waits for the syncs of
  // RunNow, and ends the threads, when they have told everybody. Not from one of them.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Joins that one, too, when it stops: for a thread that cannot be joined as it is the caller.
  void Adopt(std::list<std::thread> thread) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void SyncLoop() ABSL_LOCKS_EXCLUDED(mutex_);
  void DeliverLoop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells whom there is to tell.
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);
  // One sync for all of them.
  absl::Status SyncGroup(Ticket group) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status SyncDirty(PartitionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);

  const Background mode_;
  std::atomic<bool> has_stopped_{false};  // is_stopped_, without the lock
  Mutex mutex_;
  CondVar changed_;
  bool has_news_ ABSL_GUARDED_BY(mutex_) = false;  // since the last RunDue
  SyncRequests requests_ ABSL_GUARDED_BY(mutex_);
  DirtyLogs dirty_ ABSL_GUARDED_BY(mutex_);
  Ticket told_ ABSL_GUARDED_BY(mutex_);  // their outcome is known
  CondVar told_changed_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;  // calls of RunNow that sync
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_told_all_ ABSL_GUARDED_BY(mutex_) = false;  // nothing comes to told_ any more
  std::thread sync_thread_ ABSL_GUARDED_BY(mutex_);
  std::thread deliver_thread_ ABSL_GUARDED_BY(mutex_);
  std::list<std::thread> adopted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_SYNC_SCHEDULER_H_
