#ifndef DAYBOOK_CONSUMER_CONSUMER_STATE_H_
#define DAYBOOK_CONSUMER_CONSUMER_STATE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/one_thread.h"
#include "broker/broker_core.h"
#include "coordination/cursor_set.h"
#include "coordination/group_coordinator.h"
#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// What a Consumer consists of: cursors on its partitions, and its membership. The contract is that
// of daybook/consumer_group.h. In four files: how it polls (consumer_state.cc), takes part in a
// rebalance, commits, and where it stands (consumer_positions.cc).
class Consumer::State {
 public:
  State(std::shared_ptr<BrokerCore> core, std::shared_ptr<GroupCoordinator> group,
        const GroupOptions& options, Subscription subscription, JoinOptions join_options);
  ~State();

  absl::Status CheckProcess() const { return core_.process().Check(); }
  // FailedPrecondition: the broker is closed, or this is a child of its process.
  absl::Status CheckOpen() { return core_.Check(); }
  bool is_open() const { return core_.is_open(); }  // the same, faster
  OneThread& one_thread() { return one_thread_; }
  absl::Status IsInUse() const;
  absl::Status Join(bool was_lost = false);
  // Whom listeners are given.
  void SetConsumer(Consumer* consumer) { consumer_ = consumer; }
  // What was dropped unread Poll tells, and does not commit that the group is behind it: that is
  // left to the caller, who does more than to tell it.
  void LeaveDropsToCaller() { commits_drops_ = false; }

  absl::StatusOr<RecordBatch> Poll(std::chrono::nanoseconds timeout);
  void Wakeup() { cursors_.Wakeup(); }
  absl::StatusOr<int> EventFd() { return cursors_.EventFd(); }
  absl::Status Leave();

  absl::Status Commit();
  absl::Status Commit(const std::map<TopicPartition, CommittedOffset>& offsets);
  GroupOffsets Positions();

  std::vector<TopicPartition> Assignment();
  using ChooseOffset = std::function<absl::StatusOr<Offset>(PartitionLog&)>;
  absl::Status Seek(const TopicPartition& partition, Offset offset);
  // To where `choose` says, for each.
  absl::Status SeekAll(const std::vector<TopicPartition>& partitions, const ChooseOffset& choose);
  absl::Status SeekToCommitted();
  absl::StatusOr<Offset> Position(const TopicPartition& partition);
  absl::StatusOr<std::int64_t> Lag(const TopicPartition& partition);
  absl::StatusOr<CommittedOffset> Committed(const TopicPartition& partition);
  absl::StatusOr<std::map<TopicPartition, CommittedOffset>> CommittedOffsets(
      const std::vector<TopicPartition>& partitions);
  // What `choose` says, for each.
  absl::StatusOr<std::map<TopicPartition, Offset>> OffsetsOf(
      const std::vector<TopicPartition>& partitions, const ChooseOffset& choose);
  absl::Status SetPaused(const std::vector<TopicPartition>& partitions, bool is_paused);
  std::vector<TopicPartition> Paused();

  const std::string& member_id() const { return member_.id; }

 private:
  using Entry = CursorSet::Entry;
  static TopicPartition NameOf(const Entry& entry) { return {entry.topic.name(), entry.partition}; }

  // Aborted or FailedPrecondition when it is no member for good.
  absl::Status CheckStanding() const;
  absl::Status Lost() const;
  void CallListener(const RebalanceListener::Callback& callback,
                    const std::vector<TopicPartition>& partitions);

  // Waits for records or a rebalance; the time afterwards.
  MonotonicTime Park(std::chrono::steady_clock::time_point deadline);
  // After an error of a read: whether to read on.
  absl::StatusOr<bool> RecoverFromReadError(const absl::Status& status);
  // Whether the records may be returned. At kAtMostOnce.
  absl::StatusOr<bool> CommitBeforeDelivery(const RecordBatch& batch);

  // If there is a rebalance. A lost member joins again if it may; otherwise that is Aborted.
  absl::Status RebalanceIfNeeded(bool may_join) {
    if (has_left_ || is_fenced_) return CheckStanding();
    return group_->epoch() == epoch_ ? absl::OkStatus() : Rebalance(may_join);
  }
  absl::Status Rebalance(bool may_join);
  // What is not `owned`, or whose topic is gone, is lost.
  void DropLost(const std::set<TopicPartition>& owned);
  // Takes up what is `owned` and not there yet.
  absl::Status Take(const std::set<TopicPartition>& owned);
  absl::Status TakeOne(const TopicPartition& partition, bool* was_taken);
  // Absent at OffsetReset::kNone when there is none. `stored`: the group's place, if it has one.
  absl::StatusOr<std::optional<Offset>> StartingOffset(const Topic& topic,
                                                       const TopicPartition& partition,
                                                       Offset* stored);
  void Remove(const std::set<TopicPartition>& partitions);

  absl::Status CommitOne(Entry& entry, Offset offset, std::string_view metadata);
  absl::Status CommitOne(const TopicPartition& partition, const CommittedOffset& committed);
  absl::Status CheckCommit();
  absl::Status NeedsTransaction() const;
  absl::Status EndCommit(const absl::Status& result);

  absl::StatusOr<Entry*> Find(const TopicPartition& partition);
  // Empty: all.
  absl::StatusOr<std::vector<Entry*>> Find(const std::vector<TopicPartition>& partitions);
  // After a place was found or lost, or a pause.
  void UpdateHeld();
  absl::Status NoPlace(const TopicPartition& partition) const;

  const std::shared_ptr<BrokerCore> shared_core_;
  BrokerCore& core_;
  const std::shared_ptr<GroupCoordinator> group_;
  const GroupOptions options_;
  const Subscription subscription_;
  const JoinOptions join_options_;
  Consumer* consumer_ = nullptr;
  CursorSet cursors_;
  GroupCoordinator::Membership member_;
  OneThread one_thread_;
  std::uint64_t epoch_ = 0;
  std::int64_t generation_ = 0;
  bool has_left_ = false;
  bool is_fenced_ = false;
  bool is_in_listener_ = false;
  bool lacks_place_ = false;  // some partition does
  bool commits_drops_ = true;
  // For a planted bug alone.
  std::map<TopicPartition, Offset> stale_positions_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_CONSUMER_STATE_H_
