#ifndef DAYBOOK_LOG_APPEND_GROUP_COMMIT_H_
#define DAYBOOK_LOG_APPEND_GROUP_COMMIT_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

// What a GroupCommit syncs. It calls from any thread, with none of its locks held.
class SyncableLog {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // How a sync ended: what is durable now, or why not. `disk_failed`: it was the disk, so that what
  // it holds is not known any more.
  struct Synced {
    absl::StatusOr<Offset> durable_end;
    bool disk_failed = false;
  };

  // One look at the active segment, without a lock. Too high while an earlier claim is open.
  virtual Offset CommittedEnd() = 0;
  // Likewise. Too low while a segment is closing.
  virtual Offset ClaimedEnd() = 0;
  // Waits until all before `end` is committed.
  virtual absl::Status AwaitCommitted(Offset end, Time deadline) = 0;
  // Why the files may not be touched any more; OK: they may.
  virtual absl::Status SyncRefusal() = 0;
  // Syncs all that is committed. One caller at a time. `durable_end`: as far as it is durable now.
  virtual Synced SyncCommitted(Offset durable_end) = 0;
  // No more writes from here on.
  virtual void RefuseWrites(const absl::Status& why) = 0;

 protected:
  ~SyncableLog() = default;
};

// Group commit: of all threads that wait for durability, one syncs, and everything that was
// committed when it began is then durable for all of them. Thread-safe.
//
// Invariants: durable_end() never falls, and is raised by the thread whose turn it is alone, after
// the sync. The first failed sync is the last one: every later Wait for more answers its error.
class GroupCommit {
 public:
  using Time = SyncableLog::Time;

  // `name`: for messages. Both must outlive this.
  GroupCommit(const PartitionName& name, SyncableLog& log) : name_(name), log_(log) {}

  // Returns when all before `end` is durable.
  //   DeadlineExceeded  it was not committed, or not synced in time
  //   other             what the sync, or an earlier one, failed with
  absl::Status Wait(Offset end, Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  // All before it is durable.
  Offset durable_end() const { return Offset(durable_end_.load(std::memory_order_acquire)); }
  // What a recovery has found to be durable, before anybody waits.
  void SetDurableEnd(Offset end) { durable_end_.store(end.value(), std::memory_order_release); }
  // Sequentially consistent, like the flag that SyncRefusal reads: of a log that is refused syncs
  // and a thread that begins one, either sees the other.
  bool is_syncing() const { return is_syncing_.load(); }
  bool has_failed() const { return has_failed_.load(std::memory_order_acquire); }
  // One sync whatever SyncRefusal says, for the thread that makes it refuse all others.
  absl::Status SyncLast();

 private:
  // Waits in turn, or syncs.
  absl::Status AwaitDurable(Offset end, Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for the sync under way; false if the deadline came first.
  bool AwaitSync(EventCount::Key key, Time deadline);
  // One sync for all who wait. For the thread that set is_syncing_.
  absl::Status SyncForAll(Offset end) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until as many records wait for a sync as for the last one, at most as long as that took.
  void GatherGroup();
  absl::Status error() ABSL_LOCKS_EXCLUDED(mutex_);

  const PartitionName& name_;
  SyncableLog& log_;
  EventCount synced_;               // a sync ended
  Atomic<bool> is_syncing_{false};  // the thread that sets it syncs for all
  Atomic<int> waiters_{0};
  Atomic<std::int64_t> durable_end_{0};
  std::int64_t last_group_ = 0;  // records of the last sync; only for the thread that syncs
  std::atomic<std::chrono::nanoseconds> last_sync_time_{std::chrono::nanoseconds(0)};
  Atomic<bool> has_failed_{false};  // error_ is set
  Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // the first one; sticky
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_GROUP_COMMIT_H_
