#include "coordination/sticky_assignor.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>

#include "catch.h"

namespace daybook {
namespace {

struct Cost {
  std::int64_t squares = 0;  // of the numbers of partitions; less is more even
  std::int64_t moves = 0;    // partitions that a member gets and did not own
  friend auto operator<=>(const Cost&, const Cost&) = default;
};

Cost CostOf(const Assignments& assignments, const AssignorInput& input) {
  Cost cost;
  for (const AssignorMember& member : input.members) {
    const auto& assigned = assignments.at(member.id);
    cost.squares += static_cast<std::int64_t>(assigned.size() * assigned.size());
    for (const TopicPartition& partition : assigned) {
      const auto& owned = member.owned;
      if (std::find(owned.begin(), owned.end(), partition) == owned.end()) ++cost.moves;
    }
  }
  return cost;
}

// By trying all there are.
Cost LeastCost(const AssignorInput& input) {
  std::vector<TopicPartition> partitions;
  for (const auto& [topic, count] : input.partitions) {
    for (int id = 0; id < count; ++id) partitions.push_back({topic, id});
  }
  Cost best{.squares = 1'000'000, .moves = 0};
  Assignments assignments;
  for (const AssignorMember& member : input.members) assignments[member.id];
  const auto try_from = [&](const auto& self, std::size_t at) -> void {
    if (at == partitions.size()) {
      best = std::min(best, CostOf(assignments, input));
      return;
    }
    bool has_subscriber = false;
    for (const AssignorMember& member : input.members) {
      const auto& topics = member.topics;
      if (std::find(topics.begin(), topics.end(), partitions[at].topic) == topics.end()) continue;
      has_subscriber = true;
      assignments[member.id].push_back(partitions[at]);
      self(self, at + 1);
      assignments[member.id].pop_back();
    }
    if (!has_subscriber) self(self, at + 1);
  };
  try_from(try_from, 0);
  return best;
}

void CheckComplete(const Assignments& assignments, const AssignorInput& input) {
  std::set<TopicPartition> given;
  std::set<std::string> subscribed;
  for (const AssignorMember& member : input.members) {
    subscribed.insert(member.topics.begin(), member.topics.end());
    for (const TopicPartition& partition : assignments.at(member.id)) {
      CHECK(std::count(member.topics.begin(), member.topics.end(), partition.topic) == 1);
      CHECK(partition.partition < input.partitions.at(partition.topic));
      CHECK(given.insert(partition).second);
    }
  }
  std::size_t all = 0;
  for (const auto& [topic, count] : input.partitions) {
    if (subscribed.contains(topic)) all += static_cast<std::size_t>(count);
  }
  CHECK(given.size() == all);
}

int Pick(std::mt19937_64& random, int below) {
  return static_cast<int>(random() % static_cast<std::uint64_t>(below));
}

// Members join, leave and subscribe anew, topics and partitions come and go; who owned what stays
// as the last assignment said.
void Change(std::mt19937_64& random, int max_members, int max_partitions, AssignorInput& input,
            int& joined) {
  auto& members = input.members;
  if (members.empty() || (Pick(random, 2) == 0 && std::ssize(members) < max_members)) {
    members.push_back(
        {.id = "m" + std::to_string(++joined), .instance_id = {}, .topics = {}, .owned = {}});
  } else if (Pick(random, 2) == 0) {
    members.erase(members.begin() + Pick(random, static_cast<int>(members.size())));
  }
  for (const char* topic : {"a", "b", "c"}) {
    if (Pick(random, 4) == 0) input.partitions[topic] = Pick(random, max_partitions + 1);
  }
  std::erase_if(input.partitions, [](const auto& topic) { return topic.second == 0; });
  for (AssignorMember& member : members) {
    if (!member.topics.empty() && Pick(random, 3) != 0) continue;
    member.topics.clear();
    for (const char* topic : {"a", "b", "c"}) {
      if (Pick(random, 3) != 0) member.topics.push_back(topic);
    }
  }
  for (AssignorMember& member : members) {
    std::erase_if(member.topics,
                  [&](const auto& topic) { return !input.partitions.contains(topic); });
    std::erase_if(member.owned, [&](const TopicPartition& partition) {
      const auto count = input.partitions.find(partition.topic);
      return count == input.partitions.end() || partition.partition >= count->second;
    });
  }
}

}  // namespace

TEST_CASE("Sticky: who joins gets its share, and the others keep what is left of theirs") {
  AssignorInput input{.members = {{.id = "m1",
                                   .instance_id = {},
                                   .topics = {"t"},
                                   .owned = {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}}}},
                      .partitions = {{"t", 4}}};
  input.members.push_back({.id = "m2", .instance_id = {}, .topics = {"t"}, .owned = {}});
  const Assignments assigned = AssignSticky(input);
  CHECK(assigned.at("m1") == std::vector<TopicPartition>{{"t", 0}, {"t", 1}});
  CHECK(assigned.at("m2") == std::vector<TopicPartition>{{"t", 2}, {"t", 3}});
}

TEST_CASE("Sticky: who has one more than the others keeps it") {
  const AssignorInput input{
      .members = {{.id = "m1", .instance_id = {}, .topics = {"t"}, .owned = {{"t", 3}}},
                  {.id = "m2", .instance_id = {}, .topics = {"t"}, .owned = {{"t", 0}, {"t", 2}}}},
      .partitions = {{"t", 3}}};
  CHECK(AssignSticky(input).at("m2") == std::vector<TopicPartition>{{"t", 0}, {"t", 2}});
  CHECK(AssignSticky(input).at("m1") == std::vector<TopicPartition>{{"t", 1}});
}

TEST_CASE("Sticky: topics are spread, what is kept of them and what is dealt out") {
  AssignorInput input{.members = {}, .partitions = {{"a", 2}, {"b", 2}}};
  for (const char* id : {"m1", "m2"}) {
    input.members.push_back({.id = id, .instance_id = {}, .topics = {"a", "b"}, .owned = {}});
  }
  const std::vector<TopicPartition> half{{"a", 0}, {"b", 0}};
  CHECK(AssignSticky(input).at("m1") == half);
  input.members[0].owned = {{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}};
  CHECK(AssignSticky(input).at("m1") == half);
}

TEST_CASE("Sticky: partitions are passed on along members where that makes it more even") {
  // Only m1 reads b. That it can take two of them, it passes what it had of a to m2, and so on.
  const AssignorInput input{
      .members = {{.id = "m1", .instance_id = {}, .topics = {"a", "b"}, .owned = {{"a", 0}}},
                  {.id = "m2", .instance_id = {}, .topics = {"a", "c"}, .owned = {{"c", 0}}},
                  {.id = "m3", .instance_id = {}, .topics = {"c"}, .owned = {}}},
      .partitions = {{"a", 1}, {"b", 1}, {"c", 1}}};
  const Assignments assigned = AssignSticky(input);
  CHECK(assigned.at("m1") == std::vector<TopicPartition>{{"b", 0}});
  CHECK(assigned.at("m2") == std::vector<TopicPartition>{{"a", 0}});
  CHECK(assigned.at("m3") == std::vector<TopicPartition>{{"c", 0}});
}

TEST_CASE("Sticky: over random memberships none is more even, nor as even with fewer moves") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    AssignorInput input;
    int joined = 0;
    for (int step = 0; step < 12; ++step) {
      Change(random, 3, 3, input, joined);
      const Assignments assigned = AssignSticky(input);
      INFO("seed " << seed << ", step " << step);
      CheckComplete(assigned, input);
      REQUIRE(CostOf(assigned, input) == LeastCost(input));
      REQUIRE(AssignSticky(input) == assigned);
      for (AssignorMember& member : input.members) member.owned = assigned.at(member.id);
    }
  }
}

TEST_CASE("Sticky: members of the same topics differ by one, and nothing moves without need") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random(seed);
    AssignorInput input;
    int joined = 0;
    for (int step = 0; step < 20; ++step) {
      Change(random, 20, 60, input, joined);
      std::int64_t partitions = 0;
      for (const auto& [topic, count] : input.partitions) partitions += count;
      for (AssignorMember& member : input.members) {
        member.topics.clear();
        for (const auto& [topic, count] : input.partitions) member.topics.push_back(topic);
      }
      const Assignments assigned = AssignSticky(input);
      CheckComplete(assigned, input);
      const auto members = std::ssize(input.members);
      if (members == 0) continue;
      // Each may keep the quotient, and as many as there are left over one more.
      std::int64_t more = partitions % members;
      std::int64_t kept = 0;
      for (const AssignorMember& member : input.members) {
        const auto share = std::ssize(assigned.at(member.id));
        CHECK((share == partitions / members ||
               (share == partitions / members + 1 && partitions % members != 0)));
        const bool has_more = std::ssize(member.owned) > partitions / members && more > 0;
        if (has_more) --more;
        kept += std::min<std::int64_t>(std::ssize(member.owned),
                                       partitions / members + (has_more ? 1 : 0));
      }
      INFO("seed " << seed << ", step " << step);
      CHECK(CostOf(assigned, input).moves == partitions - kept);
      for (AssignorMember& member : input.members) member.owned = assigned.at(member.id);
    }
  }
}

}  // namespace daybook
