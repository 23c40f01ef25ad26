#include <algorithm>
#include <utility>

#include "coordination/assignor.h"
#include "coordination/group_coordinator.h"

// How a group comes to its next generation.

namespace daybook::inline v1 {

absl::Status GroupCoordinator::RebalanceIfNeeded() {
  for (;;) {
    std::uint64_t changes = 0;
    RebalanceInput input;
    {
      MutexLock lock(mutex_);
      if (catalog_.version() != topics_.catalog_version) LookAtTopics();
      if (!rebalance_.is_needed()) return rebalance_.result();
      changes = rebalance_.changes();
      input = Input();
    }
    // Without the lock: it may take long, and it may be the user's.
    const auto targets = Rebalance(input);
    MutexLock lock(mutex_);
    if (changes != rebalance_.changes()) continue;            // of a member that has left, perhaps
    if (!rebalance_.is_needed()) return rebalance_.result();  // another thread was faster
    rebalance_.Finish(targets.status());
    if (targets.ok()) {
      ++counts_.generation;
      {
        MutexLock no_commit(store_.mutex());
        members_.SetTargets(*targets);
      }
      BumpEpoch();
    }
    return rebalance_.result();
  }
}

std::map<std::string, int> GroupCoordinator::SelectTopics() {
  // Before the look: what comes after it is seen the next time.
  topics_.catalog_version = catalog_.version();
  const std::map<std::string, int> all = catalog_.PartitionCounts();
  std::map<std::string, int> partitions;
  bool is_changed = false;
  for (auto& [id, member] : members_.all()) {
    std::vector<std::string> topics = member.subscription.Select(all);
    for (const std::string& topic : topics) partitions.insert(*all.find(topic));
    if (topics == member.topics) continue;
    member.topics = std::move(topics);
    is_changed = true;
  }
  is_changed = is_changed || partitions != topics_.partitions;
  if (is_changed) rebalance_.NoteChange(true);
  return std::exchange(topics_.partitions, std::move(partitions));
}

RebalanceInput GroupCoordinator::Input() {
  RebalanceInput input{.members = {},
                       .partitions = topics_.partitions,
                       .assignor = assignor_,
                       .custom_assignor = custom_assignor_};
  for (const auto& [id, member] : members_.all()) {
    input.members.push_back({.id = id,
                             .instance_id = member.instance_id,
                             .topics = member.topics,
                             .owned = member.owned,
                             .target = member.target});
  }
  return input;
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
                          .generation = counts_.generation,
                          .owners = {}};
  for (const auto& [name, partition] : members_.partitions()) {
    if (!partition.owner.empty()) description.owners[name] = partition.owner;
  }
  if (!members_.empty()) {
    description.assignor = custom_assignor_ ? "custom" : std::string(NameOf(assignor_));
  }
  for (const auto& [id, member] : members_.all()) {
    if (member.owned != member.target) description.state = GroupState::kRebalancing;
    description.members.push_back({.id = id,
                                   .instance_id = member.instance_id,
                                   .is_away = member.is_away,
                                   .assigned = {member.owned.begin(), member.owned.end()}});
  }
  return description;
}

}  // namespace daybook::inline v1
