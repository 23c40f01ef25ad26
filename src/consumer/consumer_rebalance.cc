#include <algorithm>
#include <set>
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
    const GroupCoordinator::Assignment assignment = member_.Sync(released);
    released.clear();
    if (assignment.standing != MemberStatus::kMember) {
      if (assignment.standing == MemberStatus::kLost && !may_join) return member_.Lost();
      DropLost({});
      if (assignment.standing == MemberStatus::kFenced) {
        member_.Fence();
        return member_.CheckStanding();
      }
      if (const auto status = member_.Join(true); !status.ok()) return status;
      continue;
    }
    DropLost(assignment.owned);
    if (assignment.revoked.empty()) return Take(assignment.owned);
    std::vector<TopicPartition> revoked;
    for (const TopicPartition& partition : assignment.revoked) {
      const Entry* entry = positions_.cursors().Find(partition.topic, partition.partition);
      if (entry == nullptr) continue;
      revoked.push_back(partition);
      if (IsPlanted(PlantedBug::kRevokedPositionKept)) {
        stale_positions_[partition] = entry->cursor.offset;
      }
    }
    listener_.OnRevoked(revoked);
    released = assignment.revoked;
    positions_.Remove({released.begin(), released.end()});
  }
}

void Consumer::State::DropLost(const std::vector<TopicPartition>& owned) {
  std::vector<TopicPartition> lost;
  for (const Entry& entry : positions_.entries()) {
    TopicPartition name = ConsumerPositions::NameOf(entry);
    const bool is_owned = std::binary_search(owned.begin(), owned.end(), name);
    if (!is_owned || entry.log().is_deleted()) lost.push_back(std::move(name));
  }
  listener_.OnLost(lost);
  positions_.Remove({lost.begin(), lost.end()});
}

absl::Status Consumer::State::Take(const std::vector<TopicPartition>& owned) {
  std::set<TopicPartition> taken;
  for (const Entry& entry : positions_.entries()) taken.insert(ConsumerPositions::NameOf(entry));
  std::vector<TopicPartition> assigned;
  absl::Status status;
  for (const TopicPartition& partition : owned) {
    if (taken.contains(partition)) continue;
    bool was_taken = false;
    status = TakeOne(partition, &was_taken);
    if (!status.ok()) {
      member_.SyncAgain();  // what is still missing is tried again
      break;
    }
    if (was_taken) assigned.push_back(partition);
  }
  positions_.UpdateHeld();
  listener_.OnAssigned(assigned);
  return status;
}

absl::Status Consumer::State::TakeOne(const TopicPartition& partition, bool* was_taken) {
  const auto topic = core_.catalog().Find(partition.topic);
  // Deleted: there is nothing to read, and the other topics go on.
  if (absl::IsNotFound(topic.status())) return absl::OkStatus();
  if (!topic.ok()) return topic.status();
  if (partition.partition >= topic->partitions()) return absl::OkStatus();
  PartitionLog& log = Access::Log(topic->partition(partition.partition));
  const auto of_group = member_.group().Hold(partition, log);
  if (!of_group.ok()) return of_group.status();
  Offset stored(-1);
  const auto offset = StartingOffset(*topic, **of_group, &stored);
  if (absl::IsAborted(offset.status())) {  // another member has it by now
    member_.SyncAgain();
    return absl::OkStatus();
  }
  if (!offset.ok()) return offset.status();
  if (offset->has_value()) member_.group().HoldFrom(**of_group, **offset);
  positions_.cursors().Add(*topic, partition.partition, offset->value_or(Offset(0)));
  Entry& entry = positions_.entries().back();
  entry.has_place = offset->has_value();
  entry.stored = stored;
  entry.of_group = *of_group;
  entry.began = *offset;
  *was_taken = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Offset>> Consumer::State::StartingOffset(
    const Topic& topic, const GroupPartition& of_group, Offset* stored) {
  const TopicPartition& partition = of_group.name;
  if (IsPlanted(PlantedBug::kRevokedPositionKept)) {
    const auto stale = stale_positions_.find(partition);
    if (stale != stale_positions_.end()) return std::optional<Offset>(stale->second);
  }
  const auto committed = core_.group_offsets().CommittedOf(*of_group.place);
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
  const auto offset = is_at_end
                          ? member_.group().FixPlace(member_.id(), partition, Access::Log(log))
                          : log.begin_offset();
  if (!offset.ok()) return offset.status();
  if (is_at_end) *stored = *offset;
  return std::optional<Offset>(*offset);
}

}  // namespace daybook::inline v1
