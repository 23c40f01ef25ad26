#include "daybook/consumer_group.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker_core.h"
#include "broker/cursor_set.h"
#include "broker/group_coordinator.h"

namespace daybook::inline v1 {

class Consumer::State {
 public:
  State(BrokerCore& core, std::shared_ptr<GroupCoordinator> group, const GroupOptions& options)
      : core_(core), group_(std::move(group)), options_(options), cursors_(false) {}

  ~State() { Leave(); }

  absl::Status Join(const std::vector<std::string>& topics) {
    std::vector<GroupCoordinator::Subscription> subscriptions;
    for (const std::string& name : topics) {
      const auto topic = core_.catalog().Find(name);
      if (!topic.ok()) return topic.status();
      subscriptions.push_back({name, topic->partitions()});
    }
    member_id_ = group_->Join(subscriptions);
    return absl::OkStatus();
  }

  void Leave() {
    if (has_left_ || member_id_.empty()) return;
    has_left_ = true;
    cursors_.RemoveIf([](const CursorSet::Entry&) { return true; });
    committed_.clear();
    group_->Leave(member_id_);
  }

  absl::StatusOr<RecordBatch> Poll(std::chrono::nanoseconds timeout) {
    const auto deadline = DeadlineAfter(timeout);
    const auto has_new_epoch = [this] { return group_->epoch() != epoch_; };
    cursors_.Disarm();
    for (;;) {
      if (const auto status = SyncWithGroup(); !status.ok()) return status;
      if (auto status = cursors_.TakeWakeup(); !status.ok()) return status;
      auto batch = cursors_.ReadNext(options_.batch);
      // When a topic was deleted, the others go on.
      const bool was_deleted =
          absl::IsNotFound(batch.status()) && cursors_.RemoveIf([](const CursorSet::Entry& entry) {
            return entry.log().is_deleted();
          }) != 0;
      if (was_deleted) continue;
      if (absl::IsOutOfRange(batch.status())) {
        const auto was_reset = ResetDropped();
        if (!was_reset.ok()) return was_reset.status();
        if (*was_reset) continue;
      }
      if (!batch.ok() || !batch->empty()) return batch;
      if (std::chrono::steady_clock::now() >= deadline) {
        cursors_.Arm(&group_->waiters(), has_new_epoch);
        return batch;
      }
      cursors_.Wait(deadline, &group_->waiters(), has_new_epoch);
    }
  }

  void Wakeup() { cursors_.Wakeup(); }
  absl::StatusOr<int> EventFd() { return cursors_.EventFd(); }

  absl::Status Commit() {
    if (has_left_) return HasLeft();
    absl::Status result;
    for (const CursorSet::Entry& entry : cursors_.entries()) {
      const TopicPartition partition{entry.topic.name(), entry.partition};
      const auto committed = committed_.find(partition);
      if (committed != committed_.end() && committed->second == entry.cursor.offset) continue;
      const auto status = group_->Commit(member_id_, partition, entry.cursor.offset);
      if (status.ok()) {
        committed_[partition] = entry.cursor.offset;
      } else if (result.ok() || !absl::IsAborted(status)) {
        result = status;
      }
    }
    // Also lets go of what others are waiting for, now that all of it is committed.
    if (const auto status = SyncWithGroup(); !status.ok()) return status;
    return result;
  }

  std::vector<TopicPartition> Assignment() {
    std::vector<TopicPartition> assignment;
    for (const CursorSet::Entry& entry : cursors_.entries()) {
      assignment.push_back({entry.topic.name(), entry.partition});
    }
    std::sort(assignment.begin(), assignment.end());
    return assignment;
  }

  absl::StatusOr<CursorSet::Entry*> Find(const TopicPartition& partition) {
    CursorSet::Entry* entry = cursors_.Find(partition.topic, partition.partition);
    if (entry == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(partition.topic, "-", partition.partition,
                                                        " is not assigned to ", member_id_,
                                                        " now; Assignment() tells what is"));
    }
    return entry;
  }

  absl::Status Seek(const TopicPartition& partition, Offset offset) {
    const auto entry = Find(partition);
    if (!entry.ok()) return entry.status();
    cursors_.Moved();
    (*entry)->MoveTo(offset);
    return absl::OkStatus();
  }

  absl::StatusOr<CommittedOffset> Committed(const TopicPartition& partition) {
    const auto offset =
        core_.offsets().Find({group_->name(), partition.topic, partition.partition});
    if (!offset.ok()) return offset.status();
    if (!offset->has_value()) {
      return absl::NotFoundError(absl::StrCat("the group ", group_->name(), " has no place in ",
                                              partition.topic, "-", partition.partition));
    }
    return (*offset)->offset;
  }

  const std::string& member_id() const { return member_id_; }

 private:
  absl::Status HasLeft() const {
    return absl::FailedPreconditionError(
        absl::StrCat(member_id_, " has left the group ", group_->name(), "; join again"));
  }

  // Takes part in the rebalance, if there is one.
  absl::Status SyncWithGroup() {
    if (has_left_) return HasLeft();
    if (group_->epoch() == epoch_) return absl::OkStatus();
    auto assignment = group_->Sync(member_id_);
    if (!assignment.ok()) return assignment.status();
    epoch_ = assignment->epoch;
    std::set<TopicPartition>& owned = assignment->owned;
    cursors_.RemoveIf([&](const CursorSet::Entry& entry) {
      const TopicPartition partition{entry.topic.name(), entry.partition};
      if (owned.erase(partition) != 0) return false;
      committed_.erase(partition);
      return true;
    });
    for (const TopicPartition& partition : owned) {
      const auto topic = core_.catalog().Find(partition.topic);
      // Deleted: there is nothing to read, and the other topics go on.
      if (absl::IsNotFound(topic.status())) continue;
      if (!topic.ok()) return topic.status();
      PartitionLog& log = topic->partition(partition.partition).log();
      group_->Hold(partition, log, Offset(0));  // all, until it is known what is needed
      const auto offset = StartingOffset(*topic, partition);
      if (!offset.ok()) {
        epoch_ = 0;  // what is still missing is tried again
        return offset.status();
      }
      group_->Hold(partition, log, *offset);
      cursors_.Add(*topic, partition.partition, *offset);
    }
    return absl::OkStatus();
  }

  // Partitions whose position was dropped go on as if the group had no place in them; whether there
  // were any.
  absl::StatusOr<bool> ResetDropped() {
    bool was_reset = false;
    for (CursorSet::Entry& entry : cursors_.entries()) {
      const auto begin = entry.log().begin_offset();
      if (!begin.ok()) return begin.status();
      if (entry.cursor.offset >= *begin) continue;
      const auto offset =
          options_.offset_reset == OffsetReset::kEarliest ? *begin : entry.log().end_offset();
      if (!offset.ok()) return offset.status();
      entry.MoveTo(*offset);
      was_reset = true;
    }
    return was_reset;
  }

  absl::StatusOr<Offset> StartingOffset(const Topic& topic, const TopicPartition& partition) {
    const auto committed =
        core_.offsets().Find({group_->name(), partition.topic, partition.partition});
    if (!committed.ok()) return committed.status();
    Partition& log = topic.partition(partition.partition);
    if (committed->has_value()) {
      const auto end = log.end_offset();
      if (!end.ok()) return end.status();
      // A power cut can take records at kProcess and leave the commit: what comes in their place
      // is new.
      if ((*committed)->offset > *end) return *end;
      committed_[partition] = (*committed)->offset;
      return (*committed)->offset;
    }
    return options_.offset_reset == OffsetReset::kEarliest ? log.begin_offset() : log.end_offset();
  }

  BrokerCore& core_;
  const std::shared_ptr<GroupCoordinator> group_;
  const GroupOptions options_;
  CursorSet cursors_;
  std::string member_id_;
  std::uint64_t epoch_ = 0;
  bool has_left_ = false;
  // What the store has for the assigned partitions, so that nothing is stored twice.
  std::map<TopicPartition, Offset> committed_;
};

Consumer::Consumer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Consumer::~Consumer() = default;

absl::StatusOr<RecordBatch> Consumer::Poll(std::chrono::nanoseconds timeout) {
  return state_->Poll(timeout);
}
void Consumer::Wakeup() { state_->Wakeup(); }
absl::StatusOr<int> Consumer::EventFd() { return state_->EventFd(); }
absl::Status Consumer::Commit() { return state_->Commit(); }
absl::Status Consumer::Leave() {
  state_->Leave();
  return absl::OkStatus();
}
std::vector<TopicPartition> Consumer::Assignment() const { return state_->Assignment(); }

absl::Status Consumer::Seek(const TopicPartition& partition, Offset offset) {
  return state_->Seek(partition, offset);
}

absl::StatusOr<Offset> Consumer::Position(const TopicPartition& partition) const {
  const auto entry = state_->Find(partition);
  if (!entry.ok()) return entry.status();
  return (*entry)->cursor.offset;
}

absl::StatusOr<CommittedOffset> Consumer::Committed(const TopicPartition& partition) const {
  return state_->Committed(partition);
}

const std::string& Consumer::member_id() const { return state_->member_id(); }

ConsumerGroup::ConsumerGroup(Broker& broker, std::string_view name, GroupOptions options)
    : broker_(broker), name_(name), options_(options) {}
ConsumerGroup::~ConsumerGroup() = default;

absl::StatusOr<std::unique_ptr<Consumer>> ConsumerGroup::Join(std::vector<std::string> topics,
                                                              JoinOptions) {
  if (topics.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a member of the group ", name_, " needs at least one topic to read"));
  }
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  auto group = broker_.core().Group(name_);
  if (!group.ok()) return group.status();
  auto state = std::make_unique<Consumer::State>(broker_.core(), *std::move(group), options_);
  if (const auto status = state->Join(topics); !status.ok()) return status;
  return std::unique_ptr<Consumer>(new Consumer(std::move(state)));
}

const std::string& ConsumerGroup::name() const { return name_; }

}  // namespace daybook::inline v1
