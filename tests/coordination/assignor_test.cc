#include "coordination/assignor.h"

#include "catch.h"

namespace daybook {
namespace {

std::vector<TopicPartition> Run(const std::string& topic, int begin, int end) {
  std::vector<TopicPartition> run;
  for (int i = begin; i < end; ++i) run.push_back({topic, i});
  return run;
}

AssignorMember Member(const std::string& id, std::vector<std::string> topics) {
  return {.id = id, .instance_id = {}, .topics = std::move(topics), .owned = {}};
}

AssignorInput Members(int count, std::vector<std::string> topics,
                      std::map<std::string, int> partitions) {
  AssignorInput input{.members = {}, .partitions = std::move(partitions)};
  for (int i = 1; i <= count; ++i) {
    input.members.push_back(Member("m" + std::to_string(i), topics));
  }
  return input;
}

}  // namespace

TEST_CASE("Ranges: partitions are cut into runs and the first members get one more") {
  const Assignments assigned = AssignRanges(Members(3, {"t"}, {{"t", 7}}));
  CHECK(assigned.at("m1") == Run("t", 0, 3));
  CHECK(assigned.at("m2") == Run("t", 3, 5));
  CHECK(assigned.at("m3") == Run("t", 5, 7));
}

TEST_CASE("Ranges: more members than partitions leaves some without") {
  const Assignments assigned = AssignRanges(Members(2, {"t"}, {{"t", 1}}));
  CHECK(assigned.at("m1") == Run("t", 0, 1));
  CHECK(assigned.at("m2").empty());
}

TEST_CASE("Ranges: a member gets partitions of its own topics only") {
  const Assignments assigned = AssignRanges(
      {.members = {Member("m1", {"a"}), Member("m2", {"a", "b"}), Member("m3", {"missing"})},
       .partitions = {{"a", 2}, {"b", 2}}});
  CHECK(assigned.at("m1") == Run("a", 0, 1));
  CHECK(assigned.at("m2") == std::vector<TopicPartition>{{"a", 1}, {"b", 0}, {"b", 1}});
  CHECK(assigned.at("m3").empty());
}

// The examples in the documentation of Kafka's RoundRobinAssignor.
TEST_CASE("Round robin: all partitions of all topics are dealt out in turn") {
  const Assignments assigned = AssignRoundRobin(Members(2, {"t0", "t1"}, {{"t0", 3}, {"t1", 3}}));
  CHECK(assigned.at("m1") == std::vector<TopicPartition>{{"t0", 0}, {"t0", 2}, {"t1", 1}});
  CHECK(assigned.at("m2") == std::vector<TopicPartition>{{"t0", 1}, {"t1", 0}, {"t1", 2}});
}

TEST_CASE("Round robin: who does not subscribe to a topic is passed over") {
  const Assignments assigned =
      AssignRoundRobin({.members = {Member("c0", {"t0"}), Member("c1", {"t0", "t1"}),
                                    Member("c2", {"t0", "t1", "t2"})},
                        .partitions = {{"t0", 1}, {"t1", 2}, {"t2", 3}}});
  CHECK(assigned.at("c0") == std::vector<TopicPartition>{{"t0", 0}});
  CHECK(assigned.at("c1") == std::vector<TopicPartition>{{"t1", 0}});
  CHECK(assigned.at("c2") ==
        std::vector<TopicPartition>{{"t1", 1}, {"t2", 0}, {"t2", 1}, {"t2", 2}});
}

TEST_CASE("Whichever the assignor, every partition of a subscribed topic has one owner") {
  for (const Assignor assignor :
       {Assignor::kCooperativeSticky, Assignor::kRange, Assignor::kRoundRobin}) {
    for (int members = 1; members < 10; ++members) {
      for (int partitions = 1; partitions < 20; ++partitions) {
        const AssignorInput input = Members(members, {"t"}, {{"t", partitions}, {"other", 3}});
        const Assignments assignments = Assign(assignor, {}, input).value();
        CHECK(assignments.size() == static_cast<std::size_t>(members));
        std::map<TopicPartition, int> owners;
        for (const auto& [member, assigned] : assignments) {
          for (const TopicPartition& partition : assigned) ++owners[partition];
        }
        CHECK(owners.size() == static_cast<std::size_t>(partitions));
        for (const auto& [partition, count] : owners) CHECK(count == 1);
      }
    }
    CHECK(Assign(assignor, {}, Members(0, {}, {{"t", 3}})).value().empty());
    CHECK(Assign(assignor, {}, Members(1, {"t"}, {})).value().at("m1").empty());
  }
}

TEST_CASE("An assignor of the user's own may give what it likes, once and to subscribers") {
  const AssignorInput input{.members = {Member("m1", {"a"}), Member("m2", {"a", "b"})},
                            .partitions = {{"a", 2}, {"b", 2}}};
  const auto assign = [&](Assignments answer) {
    return Assign(
        Assignor::kRange, [&](const AssignorInput&) { return answer; }, input);
  };
  CHECK(assign({{"m1", {{"a", 1}}}, {"m2", {{"b", 0}}}}).value().at("m1") == Run("a", 1, 2));
  CHECK(assign({}).ok());
  const auto refused = [&](Assignments answer, const char* why) {
    const absl::Status status = assign(std::move(answer)).status();
    INFO(status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find(why) != absl::string_view::npos);
  };
  refused({{"m3", {}}}, "m3, which is no member");
  refused({{"m1", {{"b", 0}}}}, "b-0 to m1, which does not subscribe");
  refused({{"m1", {{"c", 0}}}}, "c-0 to m1, which does not subscribe");
  refused({{"m1", {{"a", 2}}}}, "the topic has 2 partitions");
  refused({{"m1", {{"a", -1}}}}, "the topic has 2 partitions");
  refused({{"m1", {{"a", 1}}}, {"m2", {{"a", 1}}}}, "a-1 twice");
}

TEST_CASE("Assignors have Kafka's names") {
  CHECK(NameOf(Assignor::kCooperativeSticky) == "cooperative-sticky");
  CHECK(NameOf(Assignor::kRange) == "range");
  CHECK(NameOf(Assignor::kRoundRobin) == "roundrobin");
}

}  // namespace daybook
