#ifndef DAYBOOK_CONSUMER_RUN_RECORDS_IN_FLIGHT_H_
#define DAYBOOK_CONSUMER_RUN_RECORDS_IN_FLIGHT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "consumer/run/keyed_executor.h"
#include "consumer/run/offset_tracker.h"
#include "daybook/group_run.h"
#include "daybook/record_batch.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

// The records of one partition, from its assignment to its revocation.
struct PartitionStream {
  PartitionStream(TopicPartition partition, Offset start)
      : name(std::move(partition)), tracker(start), committed(start) {}
  const TopicPartition name;
  std::atomic<LaneMode> mode{LaneMode::kRun};  // the only part that workers see
  OffsetTracker tracker;
  Offset committed;              // by this member, or where it began
  std::int64_t outstanding = 0;  // handed out and not come back
  std::size_t lane = 0;
  bool is_ahead = false;  // so far of its first unfinished record that it is paused
};
using PartitionStreams = std::vector<std::shared_ptr<PartitionStream>>;

// What a member has polled and not finished with: from Accept until the last record of a batch has
// come back from the workers. It also keeps the streams of the partitions that the member has.
//
// A batch is kept for as long as records of it are to be handed out or are outstanding, so that
// what workers hold points into it. in_flight() is the sum of what is outstanding in the batches,
// and is over max_in_flight at no time. In the member's thread alone.
class RecordsInFlight {
 public:
  // `options` must outlive it.
  explicit RecordsInFlight(const RunOptions& options);

  std::size_t lanes() const { return lanes_; }
  std::int64_t in_flight() const { return in_flight_; }
  bool has_room() const { return in_flight_ < options_.max_in_flight; }
  // Whether some are polled and not handed out.
  bool has_pending() const { return !pending_.empty(); }

  // Makes it if it is not there.
  std::shared_ptr<PartitionStream>& StreamOf(const TopicPartition& name, Offset start);
  // Those of assigned partitions that were polled; null if that one is none of them.
  PartitionStream* Find(const TopicPartition& name) const;
  PartitionStreams Assigned() const;
  // They are assigned no more; what is in flight of them goes on to be counted.
  PartitionStreams Take(const std::vector<TopicPartition>& partitions);
  void Forget() { streams_.clear(); }
  // Those with records in flight or pending, once for each batch; of lost partitions, too.
  PartitionStreams Unfinished() const;

  void Accept(RecordBatch records);
  // Nothing of the stream before `next` comes any more, but what is pending.
  void PassTo(PartitionStream& stream, Offset next);
  // What there is room for, in the order of the polls.
  void Dispatch(std::vector<KeyedTask>& tasks);
  // What workers gave back. Whether any of it is finished.
  bool TakeBack(std::span<const KeyedExecutor::Done> done);
  // Nothing more of these is handed out.
  void DropPending(const PartitionStreams& streams);
  // Whether all of it that was or is to be handed out has come back.
  bool IsDrained(const PartitionStream& stream) const;

  // The partitions that got over max_ahead since the last call and are still assigned.
  std::vector<TopicPartition> TakeAhead();
  // Those that were ahead and are down to half of it. `is_some_ahead`: others are not.
  std::vector<TopicPartition> TakeCaughtUp(bool* is_some_ahead);

 private:
  // What one Poll returned.
  struct Batch {
    RecordBatch records;
    RecordBatch::Iterator next;  // to be handed out
    std::shared_ptr<PartitionStream> stream;
    Offset pass_to;  // nothing of the partition before it comes later
    std::int64_t outstanding = 0;
    std::list<Batch>::iterator self = {};
  };

  std::size_t LaneOf(const RecordView& record, const PartitionStream& stream) const;
  void Free(Batch& batch);

  const RunOptions& options_;
  const std::size_t lanes_;  // a power of two
  std::map<TopicPartition, std::shared_ptr<PartitionStream>> streams_;
  std::map<TopicPartition, std::size_t> lane_numbers_;  // of every partition ever read
  std::list<Batch> batches_;
  std::deque<Batch*> pending_;  // not yet handed out to the end, in the order of the polls
  std::int64_t in_flight_ = 0;
  std::vector<TopicPartition> ahead_;  // for TakeAhead
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_RECORDS_IN_FLIGHT_H_
