#ifndef DAYBOOK_CONSUMER_CONSUMER_STATE_H_
#define DAYBOOK_CONSUMER_CONSUMER_STATE_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/one_thread.h"
#include "broker/broker_core.h"
#include "consumer/consumer_membership.h"
#include "consumer/consumer_positions.h"
#include "consumer/listener_calls.h"
#include "coordination/cursor_set.h"
#include "coordination/group_coordinator.h"
#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// What a Consumer consists of: its membership and its positions, and what brings them together.
// The contract is that of daybook/consumer_group.h. In three files: how it polls
// (consumer_state.cc), takes part in a rebalance (consumer_rebalance.cc), and commits
// (consumer_commit.cc). In one thread at a time.
class Consumer::State {
 public:
  State(std::shared_ptr<BrokerCore> core, std::shared_ptr<GroupCoordinator> group,
        const GroupOptions& options, Subscription subscription, JoinOptions join_options);

  absl::Status CheckProcess() const { return core_.process().Check(); }
  // FailedPrecondition: the broker is closed, or this is a child of its process.
  absl::Status CheckOpen() { return core_.Check(); }
  bool is_open() const { return core_.is_open(); }  // the same, faster
  OneThread& one_thread() { return one_thread_; }
  absl::Status IsInUse() const;
  ConsumerMembership& member() { return member_; }
  ListenerCalls& listener() { return listener_; }
  // All of it that needs nothing of the rest.
  ConsumerPositions& positions() { return positions_; }
  // What was dropped unread Poll tells, and does not commit that the group is behind it: that is
  // left to the caller, who does more than to tell it.
  void LeaveDropsToCaller() { commits_drops_ = false; }

  absl::StatusOr<RecordBatch> Poll(std::chrono::nanoseconds timeout);
  void Wakeup() { positions_.cursors().Wakeup(); }
  absl::StatusOr<int> EventFd() { return positions_.cursors().EventFd(); }
  absl::Status Leave();

  absl::Status Commit();
  absl::Status Commit(const std::map<TopicPartition, CommittedOffset>& offsets);
  absl::StatusOr<CommittedOffset> Committed(const TopicPartition& partition);
  absl::StatusOr<std::map<TopicPartition, CommittedOffset>> CommittedOffsets(
      const std::vector<TopicPartition>& partitions);
  // What `choose` says, for each.
  absl::StatusOr<std::map<TopicPartition, Offset>> OffsetsOf(
      const std::vector<TopicPartition>& partitions, const ConsumerPositions::ChooseOffset& choose);

 private:
  using Entry = ConsumerPositions::Entry;

  // Waits for records or a rebalance; the time afterwards.
  MonotonicTime Park(std::chrono::steady_clock::time_point deadline);
  // After an error of a read: whether to read on.
  absl::StatusOr<bool> RecoverFromReadError(const absl::Status& status);
  // Whether the records may be returned. At kAtMostOnce.
  absl::StatusOr<bool> CommitBeforeDelivery(const RecordBatch& batch);

  // If there is a rebalance. A lost member joins again if it may; otherwise that is Aborted.
  absl::Status RebalanceIfNeeded(bool may_join) {
    if (member_.is_gone()) return member_.CheckStanding();
    return member_.is_in_sync() ? absl::OkStatus() : Rebalance(may_join);
  }
  absl::Status Rebalance(bool may_join);
  // What is not `owned`, or whose topic is gone, is lost.
  void DropLost(const std::vector<TopicPartition>& owned);
  // Takes up what is `owned` and not there yet.
  absl::Status Take(const std::vector<TopicPartition>& owned);
  absl::Status TakeOne(const TopicPartition& partition, bool* was_taken);
  // Absent at OffsetReset::kNone when there is none. `stored`: the group's place, if it has one.
  absl::StatusOr<std::optional<Offset>> StartingOffset(const Topic& topic,
                                                       const GroupPartition& of_group,
                                                       Offset* stored);

  absl::Status CommitOne(Entry& entry, Offset offset, std::string_view metadata);
  absl::Status CommitOne(const TopicPartition& partition, const CommittedOffset& committed);
  absl::Status CheckCommit();
  absl::Status NeedsTransaction() const;
  absl::Status EndCommit(const absl::Status& result);

  const std::shared_ptr<BrokerCore> shared_core_;
  BrokerCore& core_;
  const GroupOptions options_;
  ConsumerMembership member_;
  ListenerCalls listener_;
  ConsumerPositions positions_;
  OneThread one_thread_;
  bool commits_drops_ = true;
  // For a planted bug alone.
  std::map<TopicPartition, Offset> stale_positions_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_CONSUMER_STATE_H_
