#include "broker/assignor.h"

#include "catch.h"

namespace daybook {
namespace {

std::vector<TopicPartition> Run(const std::string& topic, int begin, int end) {
  std::vector<TopicPartition> run;
  for (int i = begin; i < end; ++i) run.push_back({topic, i});
  return run;
}

}  // namespace

TEST_CASE("Partitions are cut into runs and the first members get one more") {
  const Assignments assigned =
      AssignRanges({{"m1", {"t"}}, {"m2", {"t"}}, {"m3", {"t"}}}, {{"t", 7}});
  CHECK(assigned.at("m1") == Run("t", 0, 3));
  CHECK(assigned.at("m2") == Run("t", 3, 5));
  CHECK(assigned.at("m3") == Run("t", 5, 7));
}

TEST_CASE("More members than partitions leaves some without") {
  const Assignments assigned = AssignRanges({{"m1", {"t"}}, {"m2", {"t"}}}, {{"t", 1}});
  CHECK(assigned.at("m1") == Run("t", 0, 1));
  CHECK(assigned.at("m2").empty());
}

TEST_CASE("A member gets partitions of its own topics only") {
  const Assignments assigned =
      AssignRanges({{"m1", {"a"}}, {"m2", {"a", "b"}}, {"m3", {"missing"}}}, {{"a", 2}, {"b", 2}});
  CHECK(assigned.at("m1") == Run("a", 0, 1));
  CHECK(assigned.at("m2") == std::vector<TopicPartition>{{"a", 1}, {"b", 0}, {"b", 1}});
  CHECK(assigned.at("m3").empty());
}

TEST_CASE("Every partition of a subscribed topic has one owner") {
  for (int members = 1; members < 10; ++members) {
    for (int partitions = 1; partitions < 20; ++partitions) {
      Subscriptions subscriptions;
      for (int i = 0; i < members; ++i) subscriptions["m" + std::to_string(i)] = {"t"};
      std::map<TopicPartition, int> owners;
      for (const auto& [member, assigned] : AssignRanges(subscriptions, {{"t", partitions}})) {
        for (const TopicPartition& partition : assigned) ++owners[partition];
      }
      CHECK(owners.size() == static_cast<std::size_t>(partitions));
      for (const auto& [partition, count] : owners) CHECK(count == 1);
    }
  }
}

TEST_CASE("Nobody and nothing to assign is an empty assignment") {
  CHECK(AssignRanges({}, {{"t", 3}}).empty());
  CHECK(AssignRanges({{"m", {"t"}}}, {}).at("m").empty());
}

}  // namespace daybook
