#include <algorithm>
#include <utility>

#include "coordination/assignor.h"
#include "coordination/group_coordinator.h"

// How a group comes to its next generation.

namespace daybook::inline v1 {

absl::Status GroupCoordinator::RebalanceIfNeeded() {
  for (;;) {
    std::uint64_t changes = 0;
    AssignorInput input;
    Assignor assignor = Assignor::kCooperativeSticky;
    AssignorFunction custom;
    {
      MutexLock lock(mutex_);
      if (catalog_.version() != catalog_version_) LookAtTopics();
      if (!needs_rebalance_) return assigned_;
      changes = changes_;
      input = Input();
      assignor = assignor_;
      custom = custom_assignor_;
    }
    // Without the lock: it may take long, and it may be the user's.
    // With nobody to assign to there is nothing to ask.
    const auto assignments = input.members.empty() ? absl::StatusOr<Assignments>(Assignments())
                                                   : Assign(assignor, custom, input);
    MutexLock lock(mutex_);
    if (changes != changes_) continue;        // of somebody who has left, perhaps
    if (!needs_rebalance_) return assigned_;  // somebody was faster
    needs_rebalance_ = false;
    assigned_ = assignments.status();
    if (assignments.ok()) Apply(*assignments);
    return assigned_;
  }
}

std::map<std::string, int> GroupCoordinator::SelectTopics() {
  // Before the look: what comes after it is seen the next time.
  catalog_version_ = catalog_.version();
  const std::map<std::string, int> all = catalog_.PartitionCounts();
  std::map<std::string, int> partitions;
  bool is_changed = false;
  for (auto& [id, member] : members_) {
    std::vector<std::string> topics = member.subscription.Select(all);
    for (const std::string& topic : topics) partitions.insert(*all.find(topic));
    if (topics == member.topics) continue;
    member.topics = std::move(topics);
    is_changed = true;
  }
  is_changed = is_changed || partitions != partitions_;
  if (is_changed) Changed(true);
  return std::exchange(partitions_, std::move(partitions));
}

AssignorInput GroupCoordinator::Input() {
  // Who has it, or else who was to take it.
  std::map<TopicPartition, std::string> holders;
  for (const auto& [name, partition] : all_) {
    if (!partition.owner.empty()) holders.emplace_hint(holders.end(), name, partition.owner);
  }
  for (const auto& [id, member] : members_) {
    for (const TopicPartition& partition : member.target) holders.try_emplace(partition, id);
  }
  AssignorInput input{.members = {}, .partitions = partitions_};
  std::map<std::string, std::size_t> index;
  const auto add = [&](const std::string& id, const Member& member) {
    index[id] = input.members.size();
    input.members.push_back(
        {.id = id, .instance_id = member.instance_id, .topics = member.topics, .owned = {}});
  };
  std::map<std::string, Members::const_iterator> by_instance;
  for (auto member = members_.cbegin(); member != members_.cend(); ++member) {
    const std::string& instance = member->second.instance_id;
    if (!instance.empty()) by_instance[instance] = member;
  }
  for (const auto& [instance, member] : by_instance) add(member->first, member->second);
  for (const auto& [id, member] : members_) {
    if (member.instance_id.empty()) add(id, member);
  }
  for (const auto& [partition, id] : holders) {
    const auto member = index.find(id);
    const auto count = partitions_.find(partition.topic);
    if (member == index.end() || count == partitions_.end()) continue;
    AssignorMember& holder = input.members[member->second];
    const bool is_subscribed =
        std::binary_search(holder.topics.begin(), holder.topics.end(), partition.topic);
    if (is_subscribed && partition.partition < count->second) holder.owned.push_back(partition);
  }
  return input;
}

void GroupCoordinator::Apply(const Assignments& assignments) {
  ++generation_;
  for (auto& [id, member] : members_) {
    const auto assigned = assignments.find(id);
    member.target.clear();
    if (assigned != assignments.end()) {
      member.target.insert(assigned->second.begin(), assigned->second.end());
    }
    if (!member.is_away) continue;
    // Nobody is there to let go of it, and nothing is under way.
    const std::set<TopicPartition> owned = member.owned;
    for (const TopicPartition& partition : owned) {
      if (!member.target.contains(partition)) Release(member, id, partition);
    }
  }
  BumpEpoch();
}

void GroupCoordinator::Changed(bool calls_for_rebalance) {
  ++changes_;
  needs_rebalance_ = needs_rebalance_ || calls_for_rebalance;
}

void GroupCoordinator::BumpEpoch() {
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  waiters_.NotifyIfAny();
}

GroupCoordinator::Description GroupCoordinator::Describe() {
  DropLost(clock_.MonotonicNow());
  RebalanceIfNeeded().IgnoreError();
  MutexLock lock(mutex_);
  Description description{.state = members_.empty() ? GroupState::kEmpty : GroupState::kStable,
                          .assignor = {},
                          .members = {},
                          .generation = generation_,
                          .owners = {}};
  for (const auto& [name, partition] : all_) {
    if (!partition.owner.empty()) description.owners[name] = partition.owner;
  }
  if (!members_.empty()) {
    description.assignor = custom_assignor_ ? "custom" : std::string(NameOf(assignor_));
  }
  for (const auto& [id, member] : members_) {
    if (member.owned != member.target) description.state = GroupState::kRebalancing;
    description.members.push_back({.id = id,
                                   .instance_id = member.instance_id,
                                   .is_away = member.is_away,
                                   .assigned = {member.owned.begin(), member.owned.end()}});
  }
  return description;
}

}  // namespace daybook::inline v1
