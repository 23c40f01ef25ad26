#ifndef DAYBOOK_BROKER_BACKGROUND_SYNC_REQUESTS_H_
#define DAYBOOK_BROKER_BACKGROUND_SYNC_REQUESTS_H_

#include <chrono>
#include <functional>
#include <list>
#include <memory>

#include "absl/status/status.h"
#include "base/deadline.h"
#include "daybook/offset.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// A wish to be told when everything before an offset of a partition is durable.
struct SyncRequest {
  std::shared_ptr<PartitionLog> log;
  std::function<void(const absl::Status&, Offset end)> done;
  Offset end;
  SteadyTime deadline;
  absl::Status outcome;
};

// Requests that nobody has been told the outcome of: each is in one of three lists, and moves
// between them without memory. New ones; those of the pass under way, over all partitions in turn;
// and those behind a claim that is open, which are looked at again, less and less often, as long as
// others do not begin a pass. Not thread-safe.
class SyncRequests {
 public:
  using List = std::list<SyncRequest>;

  void Add(List requests) { new_.splice(new_.end(), requests); }
  // Those that a sync did not reach, since a claim before them is open.
  void PutBack(List blocked);

  // All of one partition whose turn it is; none when nothing is to be done by `now`.
  List TakeGroup(SteadyTime now);
  // By partition and offset.
  List TakeAll();
  // Takes those out that are for the partition of the first.
  static List TakeGroup(List& requests);

  bool has_blocked() const { return !blocked_.empty(); }
  // When those are looked at again.
  SteadyTime retry_at() const { return has_blocked() ? retry_at_ : SteadyTime::max(); }

 private:
  List new_;
  List pass_;     // sorted
  List blocked_;  // sorted
  SteadyTime retry_at_;
  std::chrono::nanoseconds retry_wait_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_SYNC_REQUESTS_H_
