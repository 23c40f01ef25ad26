#include <utility>

#include "base/planted_bug.h"
#include "broker/access.h"
#include "consumer/consumer_state.h"

// How a member takes part in a rebalance.

namespace daybook::inline v1 {

absl::Status Consumer::State::Rebalance(bool may_join) {
  using MemberStatus = GroupCoordinator::MemberStatus;
  std::vector<TopicPartition> released;
  for (;;) {
    const GroupCoordinator::Assignment assignment = group_->Sync(member_, released);
    released.clear();
    if (assignment.standing != MemberStatus::kMember) {
      if (assignment.standing == MemberStatus::kLost && !may_join) return Lost();
      DropLost({});
      if (assignment.standing == MemberStatus::kFenced) {
        is_fenced_ = true;
        return CheckStanding();
      }
      if (const auto status = Join(true); !status.ok()) return status;
      continue;
    }
    epoch_ = assignment.epoch;
    generation_ = assignment.generation;
    DropLost(assignment.owned);
    if (assignment.revoked.empty()) return Take(assignment.owned);
    std::vector<TopicPartition> revoked;
    for (const TopicPartition& partition : assignment.revoked) {
      const Entry* entry = cursors_.Find(partition.topic, partition.partition);
      if (entry == nullptr) continue;
      revoked.push_back(partition);
      if (IsPlanted(PlantedBug::kRevokedPositionKept)) {
        stale_positions_[partition] = entry->cursor.offset;
      }
    }
    CallListener(join_options_.listener.on_revoked, revoked);
    released = assignment.revoked;
    Remove({released.begin(), released.end()});
  }
}

void Consumer::State::DropLost(const std::set<TopicPartition>& owned) {
  std::vector<TopicPartition> lost;
  for (const Entry& entry : cursors_.entries()) {
    if (!owned.contains(NameOf(entry)) || entry.log().is_deleted()) lost.push_back(NameOf(entry));
  }
  CallListener(join_options_.listener.on_lost, lost);
  Remove({lost.begin(), lost.end()});
}

void Consumer::State::Remove(const std::set<TopicPartition>& partitions) {
  if (partitions.empty()) return;
  cursors_.RemoveIf([&](const Entry& entry) { return partitions.contains(NameOf(entry)); });
  UpdateHeld();
}

absl::Status Consumer::State::Take(const std::set<TopicPartition>& owned) {
  std::set<TopicPartition> missing = owned;
  for (const Entry& entry : cursors_.entries()) missing.erase(NameOf(entry));
  std::vector<TopicPartition> assigned;
  absl::Status status;
  for (const TopicPartition& partition : missing) {
    bool was_taken = false;
    status = TakeOne(partition, &was_taken);
    if (!status.ok()) {
      epoch_ = 0;  // what is still missing is tried again
      break;
    }
    if (was_taken) assigned.push_back(partition);
  }
  UpdateHeld();
  CallListener(join_options_.listener.on_assigned, assigned);
  return status;
}

absl::Status Consumer::State::TakeOne(const TopicPartition& partition, bool* was_taken) {
  const auto topic = core_.catalog().Find(partition.topic);
  // Deleted: there is nothing to read, and the other topics go on.
  if (absl::IsNotFound(topic.status())) return absl::OkStatus();
  if (!topic.ok()) return topic.status();
  if (partition.partition >= topic->partitions()) return absl::OkStatus();
  PartitionLog& log = Access::Log(topic->partition(partition.partition));
  GroupPartition* const of_group =
      group_->Hold(partition, log, Offset(0));  // all, until it is known what is needed
  Offset stored(-1);
  const auto offset = StartingOffset(*topic, partition, &stored);
  if (!offset.ok()) return offset.status();
  if (offset->has_value()) group_->Hold(partition, log, **offset);
  cursors_.Add(*topic, partition.partition, offset->value_or(Offset(0)));
  Entry& entry = cursors_.entries().back();
  entry.has_place = offset->has_value();
  entry.stored = stored;
  entry.of_group = of_group;
  entry.began = *offset;
  *was_taken = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Offset>> Consumer::State::StartingOffset(
    const Topic& topic, const TopicPartition& partition, Offset* stored) {
  if (IsPlanted(PlantedBug::kRevokedPositionKept)) {
    const auto stale = stale_positions_.find(partition);
    if (stale != stale_positions_.end()) return std::optional<Offset>(stale->second);
  }
  const auto committed =
      core_.offsets().Find({group_->name(), partition.topic, partition.partition});
  if (!committed.ok()) return committed.status();
  Partition& log = topic.partition(partition.partition);
  if (committed->has_value()) {
    const auto end = log.end_offset();
    if (!end.ok()) return end.status();
    *stored = (*committed)->offset;
    if (*stored <= *end) return std::optional<Offset>(*stored);
    // The store draws places back to what a power cut left; this is for one that could not.
    return std::optional<Offset>(*end);
  }
  if (options_.offset_reset == OffsetReset::kNone) return std::optional<Offset>();
  const bool is_at_end = options_.offset_reset == OffsetReset::kLatest;
  const auto offset =
      is_at_end ? group_->FixPlace(partition, Access::Log(log)) : log.begin_offset();
  if (!offset.ok()) return offset.status();
  if (is_at_end) *stored = *offset;
  return std::optional<Offset>(*offset);
}

}  // namespace daybook::inline v1
