#include "coordination/group_members.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/planted_bug.h"

namespace daybook::inline v1 {

GroupPartition& GroupMembers::Of(const TopicPartition& partition) {
  const auto found = partitions_.lower_bound(partition);
  if (found != partitions_.end() && found->first == partition) return found->second;
  return partitions_.emplace_hint(found, partition, GroupPartition{.name = partition})->second;
}

void GroupMembers::Add(const std::string& id, Member member) {
  members_.emplace(id, std::move(member));
}

void GroupMembers::TakeOver(Iterator older, Member& newer, const std::string& id) {
  newer.topics = older->second.topics;
  newer.target = std::move(older->second.target);
  newer.owned = std::move(older->second.owned);
  for (const TopicPartition& partition : newer.owned) Of(partition).owner = id;
  members_.erase(older);
}

void GroupMembers::Remove(Iterator member) {
  Release(member, {member->second.owned.begin(), member->second.owned.end()});
  members_.erase(member);
  if (!members_.empty()) return;
  for (auto& [name, partition] : partitions_) ReleaseMark(partition);
}

void GroupMembers::ReleaseMark(GroupPartition& partition) {
  partition.is_held = false;
  partition.mark.reset();
}

std::vector<TopicPartition> GroupMembers::Revoked(const Member& member) {
  std::vector<TopicPartition> revoked;
  std::set_difference(member.owned.begin(), member.owned.end(), member.target.begin(),
                      member.target.end(), std::back_inserter(revoked));
  return revoked;
}

void GroupMembers::Release(Iterator member, const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions) {
    member->second.owned.erase(partition);
    std::string& owner = Of(partition).owner;
    if (owner == member->first) owner.clear();
  }
}

void GroupMembers::Claim(Iterator member, std::int64_t generation) {
  std::set<TopicPartition>& owned = member->second.owned;
  auto next = owned.begin();  // in the same order
  for (const TopicPartition& partition : member->second.target) {
    GroupPartition& taken = Of(partition);
    const bool is_planted = IsPlanted(PlantedBug::kAssignBeforeRevoke);
    if (taken.owner != member->first && (taken.owner.empty() || is_planted)) {
      taken.owner = member->first;
      taken.owned_since = generation;
    }
    if (taken.owner == member->first) next = std::next(owned.insert(next, partition));
  }
}

void GroupMembers::SetTargets(const Assignments& targets) {
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    const auto assigned = targets.find(member->first);
    member->second.target.clear();
    if (assigned != targets.end()) {
      member->second.target.insert(assigned->second.begin(), assigned->second.end());
    }
    if (member->second.is_away) Release(member, Revoked(member->second));
  }
}

void GroupMembers::ForgetTopic(std::string_view topic) {
  const auto is_of_topic = [&](const TopicPartition& partition) {
    return partition.topic == topic;
  };
  for (auto& [name, partition] : partitions_) {
    if (!is_of_topic(name)) continue;
    partition.owner.clear();
    ReleaseMark(partition);
  }
  for (auto& [id, member] : members_) {
    std::erase_if(member.owned, is_of_topic);
    std::erase_if(member.target, is_of_topic);
  }
}

}  // namespace daybook::inline v1
