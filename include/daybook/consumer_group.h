#ifndef DAYBOOK_CONSUMER_GROUP_H_
#define DAYBOOK_CONSUMER_GROUP_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/committed_offset.h"
#include "daybook/export.h"
#include "daybook/group_options.h"
#include "daybook/group_run.h"
#include "daybook/time_span.h"
#include "daybook/topic_partition.h"

namespace daybook::inline v1 {

class Subscription;

// Where a member stands in each of its partitions, for a transaction that commits it together with
// what came of the records. To commit a part of what was polled, take Consumer::Positions, and
// lower or erase what is in `offsets`; the rest says for whom it holds.
struct GroupOffsets {
  std::string group;
  std::string member_id;
  std::int64_t generation = 0;  // of the group, when it was taken
  std::map<TopicPartition, CommittedOffset> offsets;
};

// A member of a group. The members share the partitions of the topics that they subscribe to:
// each partition is read by one member at a time. When members, topics or partitions come or go,
// the group is rebalanced, in this order for each partition that moves: it is revoked, its member
// finishes what is under way and commits it (RebalanceListener::on_revoked), lets go of it, and
// only then it is assigned to its new member. Members take part in Poll and Commit, and let go of
// everything in Leave. A partition that stays is not revoked; the poll that lets go of others
// takes about 2 us for each of them.
//
// A member that is not in Poll for GroupOptions::max_poll_interval is lost, whoever notices it
// first: its partitions go on with others, its Commit answers Aborted, and its next Poll calls
// on_lost for what it had and joins again as a new member, with a new member_id. No thread watches
// the time: a member in Poll, or whoever commits, joins or describes the group, sees that it is up.
//
// What of the records is delivered twice, or not at all, after a crash: see Guarantee.
//
// One thread at a time; threads that share the work each join for themselves. A call that answers a
// status notices another thread in one, and answers FailedPrecondition, as Java's client throws;
// only Wakeup may come from elsewhere. Once the Broker is closed or gone, all that answers a status
// answers FailedPrecondition, and a Poll under way, too.
//
// Errors of all calls, beside those listed:
//   Aborted             another member took this one's place, with the same instance_id
//   FailedPrecondition  the consumer left the group; or another thread is in a call of it
//   NotFound            a topic was deleted during the call. What is of other topics was done; the
//                       next Poll calls on_lost for what was of this one, and goes on
class DAYBOOK_EXPORT Consumer {
 public:
  // Leaves; a static member goes away and keeps its place. Commits nothing, and tells no listener:
  // call Leave before for that.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // The next records of one assigned partition, the partitions taking turns; the first after it
  // was assigned begin at the group's committed offset. Takes part in the rebalance of the group.
  // Waits, parked, up to `timeout` for the first one; empty when there was none. At kAtMostOnce
  // the records are committed before they are returned, and are not returned when that fails. On a
  // read-only broker it looks every few milliseconds, as Reader::Poll does.
  //   DataLoss            damage at the position of a partition: the message gives the offsets.
  //                       Seek beyond them (Partition::NextReadable) to go on
  //   OutOfRange          Seek was called with an offset behind the end; or at OffsetReset::kNone
  //                       a partition has no place to begin at: the message names it. Seek.
  //                       Or records of a memory topic were dropped before the group had read them:
  //                       the message and DamageOf say which. That is told once; the next Poll goes
  //                       on where the group's OffsetReset says, which is its place then (at kNone
  //                       it has none)
  //   FailedPrecondition  a listener called it
  //   Cancelled           Wakeup was called
  absl::StatusOr<RecordBatch> Poll(TimeSpan timeout);

  // Makes the Poll under way, or the next one, return Cancelled at once. From any thread.
  void Wakeup();

  // A descriptor for event loops (epoll, libuv, asio), of eventfd(2), made by the first call and
  // closed with the consumer; leave reading it to Poll. When it is readable, call Poll({}) until
  // that returns nothing: it then becomes readable again when there is something to poll,
  // a rebalance to take part in among it. Call Poll({}) at least every max_poll_interval, too:
  // nothing else shows that the member is alive.
  // A seek makes it readable, too. Appends cost one write(2) more each time it becomes so.
  //   FailedPrecondition  the broker is read-only: nobody wakes us
  //   ResourceExhausted   no descriptor is left
  absl::StatusOr<int> EventFd();

  // Stores the position of every assigned partition: all that Poll has returned is done with.
  // Survives what the group's store survives (kProcess). As in Kafka the last commit of a
  // partition's owner counts, also one that goes back: after SeekToBeginning a replay that was
  // committed half-way is resumed there. Then takes part in the rebalance.
  //   Aborted             some partitions are no longer this member's; the others were committed
  //   InvalidArgument     a position is behind the end, by a Seek; the others were committed
  //   FailedPrecondition  at kExactlyOnce: give Positions() to Transaction::AddOffsets instead
  absl::Status Commit();

  // The same of these places alone. For handlers that finish in another order than Poll's (it is
  // for the caller to commit no lower place by mistake; ConsumerGroup::Run never does), and to
  // store metadata. A commit at the committed offset replaces its metadata.
  //   Aborted             as above; also for a partition that never was this member's
  //   InvalidArgument     as above; also for an offset below 0
  absl::Status Commit(const std::map<TopicPartition, CommittedOffset>& offsets);

  // What Commit would store, for Transaction::AddOffsets.
  GroupOffsets Positions() const;

  // Calls on_revoked for all partitions and lets go of them; what was not committed, the next
  // owner sees again. A static member gives up its place, too. The consumer then answers
  // FailedPrecondition.
  //   FailedPrecondition  a listener called it
  absl::Status Leave();

  // In order.
  std::vector<TopicPartition> Assignment() const;

  // Moves where Poll goes on, of assigned partitions; FailedPrecondition for others, and then
  // nothing moved. Commits nothing. Without partitions: of all that are assigned.
  //   InvalidArgument     the offset is below 0
  absl::Status Seek(const TopicPartition& partition, Offset offset);
  absl::Status SeekToBeginning(const std::vector<TopicPartition>& partitions = {});
  absl::Status SeekToEnd(const std::vector<TopicPartition>& partitions = {});
  // To the first record with a timestamp of `time` or later, or to the end: see
  // Partition::OffsetForTime.
  absl::Status SeekToTime(Timestamp time, const std::vector<TopicPartition>& partitions = {});

  // Takes back what was polled and not committed: every assigned partition goes to the group's
  // place, or where it has none, to where this member began when it was assigned. For the next try
  // after a transaction that was aborted. At OffsetReset::kNone a partition without a place, in
  // which a Seek said where to begin, needs another one.
  absl::Status SeekToCommitted();

  // The offset that Poll would return next, of an assigned partition; FailedPrecondition for
  // others. OutOfRange: at OffsetReset::kNone it has none.
  absl::StatusOr<Offset> Position(const TopicPartition& partition) const;

  // How many offsets the end is ahead of the position; errors as for Position.
  absl::StatusOr<std::int64_t> Lag(const TopicPartition& partition) const;

  // The group's place, for any partition; NotFound when it has none. At OffsetReset::kLatest it has
  // one from the first Join on: see there.
  absl::StatusOr<CommittedOffset> Committed(const TopicPartition& partition) const;
  // The same of many; those where the group has none are left out.
  absl::StatusOr<std::map<TopicPartition, CommittedOffset>> CommittedOffsets(
      const std::vector<TopicPartition>& partitions) const;

  // Where partitions begin and end, and the offset of the first record with such a timestamp or a
  // later one (Partition::OffsetForTime), of any partitions; positions stay as they are.
  //   NotFound            there is no such topic or partition
  absl::StatusOr<std::map<TopicPartition, Offset>> BeginningOffsets(
      const std::vector<TopicPartition>& partitions) const;
  absl::StatusOr<std::map<TopicPartition, Offset>> EndOffsets(
      const std::vector<TopicPartition>& partitions) const;
  absl::StatusOr<std::map<TopicPartition, Offset>> OffsetsForTimes(
      const std::map<TopicPartition, Timestamp>& times) const;

  // Poll passes over paused partitions, which stay assigned, and paused until Resume or until they
  // go. Keep polling meanwhile. FailedPrecondition when one is not assigned; nothing changed then.
  absl::Status Pause(const std::vector<TopicPartition>& partitions);
  absl::Status Resume(const std::vector<TopicPartition>& partitions);
  // In order.
  std::vector<TopicPartition> Paused() const;

  // Changes when a lost member joins again.
  const std::string& member_id() const;

 private:
  friend class ConsumerGroup;
  class State;
  explicit Consumer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A named group. Any number of objects may name the same group; they mean the same one.
// Thread-safe. Once the Broker is closed or gone, all answers FailedPrecondition.
class DAYBOOK_EXPORT ConsumerGroup {
 public:
  ConsumerGroup(Broker& broker, std::string_view name, GroupOptions options = {});
  ~ConsumerGroup();
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;

  // Makes a member that reads `topics`, and rebalances the group. Partitions that are added to
  // them later are picked up; a topic that is deleted goes, and comes back if it is made again.
  //   NotFound            no such topic
  //   InvalidArgument     no topics given; or the group's name is empty, or it or instance_id is
  //                       over 249 bytes or has control characters; or max_poll_interval is not
  //                       over 0, or an option of GroupOptions has no value of its type; or what
  //                       the custom assignor says of the new member is no assignment: the others
  //                       then go on with the last one
  //   FailedPrecondition  the broker is read-only, without BrokerOptions::offsets_directory; or the
  //                       members of the group use another assignor
  absl::StatusOr<std::unique_ptr<Consumer>> Join(std::vector<std::string> topics,
                                                 JoinOptions options = {});

  // The same with all topics, now and later, whose whole name matches a regular expression; but
  // internal ones (they begin with "__"). The syntax is POSIX's extended one:
  //   . any character     [a-z] [^a-z] [[:digit:]] one of a class     \. the sign itself
  //   * + ? {2} {2,} {2,5} repetitions     | or     ( ) groups     ^ $ the ends
  // A match takes time that is linear in the name, whatever the expression.
  //   InvalidArgument     also: it is no such expression; it has a backslash before a letter or
  //                       digit (\d, and back-references); it has over 1,000 atoms, where
  //                       repetitions are written out; or groups over 100 deep
  absl::StatusOr<std::unique_ptr<Consumer>> JoinMatching(std::string_view expression,
                                                         JoinOptions options = {});

  // Joins, and calls the handler for every record of `topics`, in `options.threads` workers beside
  // the thread that calls this, until `options.stop` asks it to end, or something fails: see
  // group_run.h. Then finishes what was handed out, for up to `options.drain_timeout`, commits,
  // leaves, and returns when the handlers under way have: OK after a stop, otherwise why it ended.
  //   InvalidArgument     an option is out of its range; there is no handler; the dead-letter topic
  //                       is one of `topics`, or takes no 4,096 bytes; or the group is set to
  //                       kExactlyOnce, which takes a TransactionHandler
  //   ResourceExhausted   the system has no threads left
  // the errors of Join, Poll, Commit, and Broker::CreateTopic (of the dead-letter topic); and for a
  // record whose last attempt failed, when it cannot be put aside: the handler's, or the append's.
  absl::Status Run(std::vector<std::string> topics, const RunOptions& options, Handler handler);
  // The same at kExactlyOnce: `options.threads` members, each with a transaction for every batch.
  // Errors as above, InvalidArgument for a group that is not set to kExactlyOnce, and those of
  // Transaction::Commit, but Aborted.
  absl::Status Run(std::vector<std::string> topics, const RunOptions& options,
                   TransactionHandler handler);

  const std::string& name() const;

 private:
  absl::StatusOr<std::unique_ptr<Consumer>> Join(Subscription subscription, JoinOptions options);

  const std::shared_ptr<GroupRegistry> groups_;
  std::string name_;
  GroupOptions options_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_GROUP_H_
