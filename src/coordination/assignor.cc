#include "coordination/assignor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordination/sticky_assignor.h"

namespace daybook::inline v1 {
namespace {

bool IsSubscribed(const AssignorMember& member, const std::string& topic) {
  return std::find(member.topics.begin(), member.topics.end(), topic) != member.topics.end();
}

Assignments Nothing(const AssignorInput& input) {
  Assignments assignments;
  for (const AssignorMember& member : input.members) assignments[member.id];
  return assignments;
}

absl::Status Check(const Assignments& assignments, const AssignorInput& input) {
  std::set<TopicPartition> given;
  for (const auto& [id, partitions] : assignments) {
    const auto member = std::find_if(input.members.begin(), input.members.end(),
                                     [&id = id](const auto& known) { return known.id == id; });
    if (member == input.members.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the custom assignor assigns to ", id, ", which is no member"));
    }
    for (const TopicPartition& partition : partitions) {
      const std::string name = absl::StrCat(partition.topic, "-", partition.partition);
      const auto topic = input.partitions.find(partition.topic);
      if (topic == input.partitions.end() || !IsSubscribed(*member, partition.topic)) {
        return absl::InvalidArgumentError(absl::StrCat("the custom assignor assigns ", name, " to ",
                                                       id,
                                                       ", which does not subscribe to that topic"));
      }
      if (partition.partition < 0 || partition.partition >= topic->second) {
        return absl::InvalidArgumentError(absl::StrCat("the custom assignor assigns ", name, " to ",
                                                       id, ", but the topic has ", topic->second,
                                                       " partitions"));
      }
      if (!given.insert(partition).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("the custom assignor assigns ", name, " twice; one member reads it"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

Assignments AssignRanges(const AssignorInput& input) {
  Assignments assignments = Nothing(input);
  for (const auto& [topic, count] : input.partitions) {
    std::vector<std::string> subscribers;
    for (const AssignorMember& member : input.members) {
      if (IsSubscribed(member, topic)) subscribers.push_back(member.id);
    }
    if (subscribers.empty()) continue;
    const int members = static_cast<int>(subscribers.size());
    int next = 0;
    for (int i = 0; i < members; ++i) {
      const int share = count / members + (i < count % members ? 1 : 0);
      for (int end = next + share; next < end; ++next) {
        assignments[subscribers[static_cast<std::size_t>(i)]].push_back({topic, next});
      }
    }
  }
  return assignments;
}

Assignments AssignRoundRobin(const AssignorInput& input) {
  Assignments assignments = Nothing(input);
  std::size_t turn = 0;
  for (const auto& [topic, count] : input.partitions) {
    const bool has_subscriber =
        std::any_of(input.members.begin(), input.members.end(),
                    [&topic = topic](const auto& member) { return IsSubscribed(member, topic); });
    for (int id = 0; has_subscriber && id < count; ++id) {
      while (!IsSubscribed(input.members[turn % input.members.size()], topic)) ++turn;
      assignments[input.members[turn % input.members.size()].id].push_back({topic, id});
      ++turn;
    }
  }
  return assignments;
}

absl::StatusOr<Assignments> Assign(Assignor assignor, const AssignorFunction& custom,
                                   const AssignorInput& input) {
  if (custom) {
    Assignments assignments = custom(input);
    if (const auto status = Check(assignments, input); !status.ok()) return status;
    return assignments;
  }
  switch (assignor) {
    case Assignor::kCooperativeSticky:
      return AssignSticky(input);
    case Assignor::kRange:
      return AssignRanges(input);
    case Assignor::kRoundRobin:
      return AssignRoundRobin(input);
  }
  return AssignSticky(input);
}

std::string_view NameOf(Assignor assignor) {
  switch (assignor) {
    case Assignor::kCooperativeSticky:
      return "cooperative-sticky";
    case Assignor::kRange:
      return "range";
    case Assignor::kRoundRobin:
      return "roundrobin";
  }
  return "";
}

}  // namespace daybook::inline v1
