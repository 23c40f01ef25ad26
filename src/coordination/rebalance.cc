#include "coordination/rebalance.h"

#include <algorithm>
#include <cstddef>

#include "coordination/assignor.h"

namespace daybook::inline v1 {

AssignorInput ToAssignorInput(const RebalanceInput& input) {
  std::map<TopicPartition, std::string> holders;
  for (const RebalanceInput::Member& member : input.members) {
    for (const TopicPartition& partition : member.owned) holders.try_emplace(partition, member.id);
  }
  for (const RebalanceInput::Member& member : input.members) {
    for (const TopicPartition& partition : member.target) holders.try_emplace(partition, member.id);
  }
  AssignorInput shown{.members = {}, .partitions = input.partitions};
  std::map<std::string, std::size_t> index;
  const auto add = [&](const RebalanceInput::Member& member) {
    index[member.id] = shown.members.size();
    shown.members.push_back(
        {.id = member.id, .instance_id = member.instance_id, .topics = member.topics, .owned = {}});
  };
  std::map<std::string, const RebalanceInput::Member*> by_instance;
  for (const RebalanceInput::Member& member : input.members) {
    if (!member.instance_id.empty()) by_instance[member.instance_id] = &member;
  }
  for (const auto& [instance, member] : by_instance) add(*member);
  for (const RebalanceInput::Member& member : input.members) {
    if (member.instance_id.empty()) add(member);
  }
  for (const auto& [partition, id] : holders) {
    const auto member = index.find(id);
    const auto count = input.partitions.find(partition.topic);
    if (member == index.end() || count == input.partitions.end()) continue;
    AssignorMember& holder = shown.members[member->second];
    const bool is_subscribed =
        std::binary_search(holder.topics.begin(), holder.topics.end(), partition.topic);
    if (is_subscribed && partition.partition < count->second) holder.owned.push_back(partition);
  }
  return shown;
}

absl::StatusOr<Assignments> Rebalance(const RebalanceInput& input) {
  if (input.members.empty()) return Assignments();
  return Assign(input.assignor, input.custom_assignor, ToAssignorInput(input));
}

}  // namespace daybook::inline v1
