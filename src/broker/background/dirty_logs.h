#ifndef DAYBOOK_BROKER_BACKGROUND_DIRTY_LOGS_H_
#define DAYBOOK_BROKER_BACKGROUND_DIRTY_LOGS_H_

#include <chrono>
#include <memory>
#include <vector>

#include "base/deadline.h"
#include "log/partition_log.h"
#include "log/work_queue.h"

namespace daybook::inline v1 {

// Partitions at kInterval that are to be synced, each at most once, and when to begin: as much
// before the first of them is due as all of them are expected to take, so that with many
// partitions, too, they are done about when their interval is up. Not thread-safe.
class DirtyLogs {
 public:
  struct Dirty {
    std::shared_ptr<PartitionLog> log;
    SteadyTime due;
  };

  // Nothing happens if it is among them. Throws nothing: the caller is in the middle of an append.
  void Add(PartitionLog& log, SteadyTime due) noexcept;
  // Call before the three that follow. False: there is no memory to sort what has come in by.
  bool TakeArrivals();

  // When to begin with the first one; max() when there is none.
  SteadyTime FirstStart() const;
  // The first one due. There must be one.
  std::shared_ptr<PartitionLog> Take();
  std::vector<Dirty> TakeAll();  // in no order
  void Clear();

  // What one sync is expected to take, before there was any.
  void ExpectSyncTime(std::chrono::nanoseconds time) { sync_time_ = time; }
  // What one took.
  void NoteSyncTime(std::chrono::nanoseconds time);

 private:
  static bool IsLater(const Dirty& one, const Dirty& other) { return one.due > other.due; }

  WorkQueue arrivals_;
  std::vector<Dirty> heap_;  // the first one due in front
  std::chrono::nanoseconds sync_time_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_DIRTY_LOGS_H_
