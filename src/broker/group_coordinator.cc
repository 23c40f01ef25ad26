#include "broker/group_coordinator.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace daybook::inline v1 {

std::string GroupCoordinator::Join(const std::vector<Subscription>& topics) {
  MutexLock lock(mutex_);
  // In the order of joining, as the assignor orders members by their ids.
  const std::string id = absl::StrFormat("%s-%06d", name_, ++joined_);
  Member& member = members_[id];
  for (const Subscription& subscription : topics) {
    member.topics.push_back(subscription.topic);
    partitions_[subscription.topic] = subscription.partitions;
  }
  Rebalance();
  return id;
}

void GroupCoordinator::Leave(const std::string& member) {
  MutexLock lock(mutex_);
  if (members_.erase(member) == 0) return;
  std::erase_if(owners_, [&](const auto& entry) { return entry.second == member; });
  if (members_.empty()) marks_.clear();
  Rebalance();
}

void GroupCoordinator::Hold(const TopicPartition& partition, PartitionLog& log, Offset from) {
  MutexLock lock(mutex_);
  const auto [mark, is_new] = marks_.try_emplace(partition);
  if (is_new) mark->second = log.Mark(from);
  if (mark->second != nullptr && mark->second->offset() < from) mark->second->Move(from);
}

void GroupCoordinator::Rebalance() {
  ++generation_;
  Subscriptions subscriptions;
  for (const auto& [id, member] : members_) subscriptions[id] = member.topics;
  for (auto& [id, assigned] : AssignRanges(subscriptions, partitions_)) {
    members_[id].target = {assigned.begin(), assigned.end()};
  }
  Announce();
}

void GroupCoordinator::Announce() {
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  waiters_.NotifyIfAny();
}

absl::StatusOr<GroupCoordinator::Assignment> GroupCoordinator::Sync(const std::string& member) {
  MutexLock lock(mutex_);
  const auto found = members_.find(member);
  if (found == members_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat(member, " is no member of the group ", name_, "; join again"));
  }
  const std::set<TopicPartition>& target = found->second.target;
  const std::size_t let_go = std::erase_if(owners_, [&](const auto& entry) {
    return entry.second == member && !target.contains(entry.first);
  });
  // Somebody may be waiting for these.
  if (let_go != 0) Announce();
  Assignment assignment{.epoch = epoch_.load(std::memory_order_relaxed), .owned = {}};
  for (const TopicPartition& partition : target) {
    const auto [owner, is_taken] = owners_.try_emplace(partition, member);
    if (is_taken || owner->second == member) assignment.owned.insert(partition);
  }
  return assignment;
}

absl::Status GroupCoordinator::Commit(const std::string& member, const TopicPartition& partition,
                                      Offset offset) {
  MutexLock lock(mutex_);
  const auto owner = owners_.find(partition);
  if (owner == owners_.end() || owner->second != member) {
    return absl::AbortedError(absl::StrCat(partition.topic, "-", partition.partition,
                                           " is no longer read by ", member,
                                           "; what was not committed, its new owner reads again"));
  }
  auto status = store_.Commit({name_, partition.topic, partition.partition}, offset);
  const auto mark = marks_.find(partition);
  if (status.ok() && mark != marks_.end() && mark->second != nullptr) mark->second->Move(offset);
  return status;
}

GroupCoordinator::Description GroupCoordinator::Describe() {
  MutexLock lock(mutex_);
  Description description{.members = {}, .generation = generation_, .owners = owners_};
  for (const auto& [id, member] : members_) description.members.push_back(id);
  return description;
}

}  // namespace daybook::inline v1
