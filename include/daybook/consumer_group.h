#ifndef DAYBOOK_CONSUMER_GROUP_H_
#define DAYBOOK_CONSUMER_GROUP_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"

namespace daybook::inline v1 {

// Where to begin in a partition in which the group has no place, or where its place was dropped
// from a memory topic.
enum class OffsetReset { kEarliest, kLatest };

struct GroupOptions {
  // auto.offset.reset; unlike in Kafka nothing is skipped unless asked for.
  OffsetReset offset_reset = OffsetReset::kEarliest;
  // The most that one Poll returns.
  ReadOptions batch{.max_records = 500, .max_bytes = 1 << 20};
};

struct TopicPartition {
  std::string topic;
  int partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// A member of a group. The members share the partitions of the topics that they subscribe to:
// each partition is read by one member at a time, and by another one only after this one has let
// go of it, which it does in its next Poll, Commit or Leave. One thread at a time; threads that
// share the work each join for themselves. Must not outlive the Broker.
//
// At-least-once: a record is delivered again after a crash, or to the next owner of its
// partition, unless a Commit covered it.
class DAYBOOK_EXPORT Consumer {
 public:
  // Leaves. Commits nothing.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // The next records of one assigned partition, the partitions taking turns; the first after a
  // join begin at the group's committed offset. Takes part in the rebalance of the group. Waits,
  // parked, up to `timeout` for the first one; empty when there was none.
  //   DataLoss            damage at the position of a partition: the message gives the offsets.
  //                       Seek beyond them (Partition::NextReadable) to go on
  //   OutOfRange          Seek was called with an offset behind the end
  //   FailedPrecondition  the consumer left the group
  //   Cancelled           Wakeup was called
  absl::StatusOr<RecordBatch> Poll(std::chrono::nanoseconds timeout);

  // Makes the Poll under way, or the next one, return Cancelled at once. From any thread.
  void Wakeup();

  // A descriptor for event loops (epoll, libuv, asio), of eventfd(2), made by the first call and
  // closed with the consumer; leave reading it to Poll. When it is readable, call Poll({}) until
  // that returns nothing: it then becomes readable again when there is something to poll,
  // a rebalance to take part in among it.
  // A seek makes it readable, too. Appends cost one write(2) more each time it becomes so.
  //   FailedPrecondition  the broker is read-only: nobody wakes us
  //   ResourceExhausted   no descriptor is left
  absl::StatusOr<int> EventFd();

  // Stores the position of every assigned partition: all that Poll has returned is done with.
  // Survives what the group's store survives (kProcess). A partition that has meanwhile gone to
  // another member is left alone.
  //   Aborted             some partitions are no longer this member's; the others were committed
  absl::Status Commit();

  // Lets go of all partitions; what was not committed, the next owner sees again. The consumer
  // then answers FailedPrecondition.
  absl::Status Leave();

  std::vector<TopicPartition> Assignment() const;

  // For assigned partitions; FailedPrecondition for others.
  absl::Status Seek(const TopicPartition& partition, Offset offset);
  absl::StatusOr<Offset> Position(const TopicPartition& partition) const;

  // The group's place, for any partition; NotFound when it has none.
  absl::StatusOr<Offset> Committed(const TopicPartition& partition) const;

  const std::string& member_id() const;

 private:
  friend class ConsumerGroup;
  class State;
  explicit Consumer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A named group. Any number of objects may name the same group; they mean the same one.
// Thread-safe. Must not outlive the Broker.
class DAYBOOK_EXPORT ConsumerGroup {
 public:
  ConsumerGroup(Broker& broker, std::string_view name, GroupOptions options = {});
  ~ConsumerGroup();
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;

  // Makes a member that reads `topics`, and rebalances (range assignor, as Kafka's).
  //   NotFound            no such topic
  //   InvalidArgument     no topics given, or the group's name is empty, over 249 bytes, or has
  //                       control characters
  //   FailedPrecondition  the broker is read-only
  absl::StatusOr<std::unique_ptr<Consumer>> Join(std::vector<std::string> topics);

  const std::string& name() const;

 private:
  Broker& broker_;
  std::string name_;
  GroupOptions options_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_GROUP_H_
