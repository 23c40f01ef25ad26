#include "broker/access.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/group_fixture.h"

// How a group comes to its next generation: src/coordination/group_rebalance.cc.

namespace daybook {
namespace {

GroupCoordinator::Joining ToTopics(std::vector<std::string> topics, AssignorFunction custom = {}) {
  return {.subscription = Subscription::ToTopics(std::move(topics)),
          .custom_assignor = std::move(custom)};
}

// Everything to the last member.
Assignments ToTheLast(const AssignorInput& input) {
  Assignments assignments;
  for (const auto& [topic, count] : input.partitions) {
    for (int id = 0; id < count; ++id) assignments[input.members.back().id].push_back({topic, id});
  }
  return assignments;
}

}  // namespace

TEST_CASE("A generation is made by what changes the assignment, and by nothing else") {
  CoordinatorFixture fixture;
  const auto generation = [&] { return fixture.group->Describe().generation; };
  CHECK(generation() == 0);
  const auto member = fixture.Join();
  CHECK(generation() == 1);
  fixture.Owned(member);
  fixture.broker.MakeTopic("other");
  CHECK(generation() == 1);
  REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 6).ok());
  CHECK(generation() == 2);
  CHECK(fixture.Count(member) == 6);
  fixture.Join();
  CHECK(generation() == 3);
}

TEST_CASE("A rebalance leaves what stays where it is") {
  CoordinatorFixture fixture(100);
  const auto first = fixture.Join();
  const auto second = fixture.Join();
  const auto before = fixture.Owned(first);
  const auto third = fixture.Join();
  const auto after = fixture.Owned(first);
  CHECK(after.size() == 34);
  CHECK(std::includes(before.begin(), before.end(), after.begin(), after.end()));
}

TEST_CASE("Topics that come are picked up, those that go are let go of") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 2});
  const auto group = Access::Groups(*broker)->Find("g").value();
  const auto member =
      group->Join({.subscription = Subscription::ToMatching("[ab]").value()}).value();
  CHECK(group->Sync(member).owned.size() == 2);
  const std::uint64_t before = group->epoch();
  broker.MakeTopic("b", {.partitions = 3});
  CHECK(group->epoch() != before);
  CHECK(group->Sync(member).owned.size() == 5);
  REQUIRE(broker->DeleteTopic("a").ok());
  CHECK(group->Sync(member).owned.size() == 3);
  CHECK(absl::IsAborted(group->Commit(member.id, {"a", 0}, Offset(1))));
  broker.MakeTopic("a");
  CHECK(group->Sync(member).owned.size() == 4);
}

TEST_CASE("Members of a group use the same assignor, until all have left") {
  CoordinatorFixture fixture;
  GroupCoordinator::Joining ranges = ToTopics({"t"});
  ranges.assignor = Assignor::kRange;
  const auto first = fixture.group->Join(ranges).value();
  const auto refused = fixture.group->Join(ToTopics({"t"})).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message().find("range, not cooperative-sticky") != absl::string_view::npos);
  CHECK(absl::IsFailedPrecondition(fixture.group->Join(ToTopics({"t"}, ToTheLast)).status()));
  CHECK(fixture.group->Describe().assignor == "range");
  fixture.group->Leave(first.id);
  CHECK(fixture.group->Join(ToTopics({"t"}, ToTheLast)).ok());
  CHECK(fixture.group->Describe().assignor == "custom");
}

TEST_CASE("Whoever joins is told of a bad assignment, and the last good one goes on") {
  CoordinatorFixture fixture;
  const AssignorFunction assign = [](const AssignorInput& input) {
    Assignments assignments = ToTheLast(input);
    if (input.members.size() == 3) assignments["nobody"];
    return assignments;
  };
  const auto first = fixture.group->Join(ToTopics({"t"}, assign)).value();
  CHECK(fixture.Count(first) == 4);
  const auto second = fixture.group->Join(ToTopics({"t"}, assign)).value();
  CHECK(fixture.Count(first) == 0);
  CHECK(fixture.Count(second) == 4);
  const auto refused = fixture.group->Join(ToTopics({"t"}, assign)).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(refused.message().find("nobody, which is no member") != absl::string_view::npos);
  CHECK(fixture.group->Describe().members.size() == 2);
  CHECK(fixture.Count(first) == 0);
  CHECK(fixture.Count(second) == 4);
}

TEST_CASE("An assignor is asked without a lock: it may look at the group") {
  CoordinatorFixture fixture;
  std::size_t seen = 0;
  const auto assign = [&](const AssignorInput& input) {
    seen += fixture.group->HasMembers() ? 1 : 0;
    return ToTheLast(input);
  };
  const auto member = fixture.group->Join(ToTopics({"t"}, assign)).value();
  CHECK(seen == 1);
  CHECK(fixture.Count(member) == 4);
}

TEST_CASE("Assignors see static members first, and who has what") {
  CoordinatorFixture fixture;
  AssignorInput seen;
  const auto assign = [&](const AssignorInput& input) {
    seen = input;
    return ToTheLast(input);
  };
  const auto join = [&](const std::string& instance) {
    GroupCoordinator::Joining joining = ToTopics({"t"}, assign);
    joining.instance_id = instance;
    return fixture.group->Join(joining).value();
  };
  const auto first = join("");
  fixture.Owned(first);
  const auto second = join("b");
  join("a");
  REQUIRE(seen.members.size() == 3);
  CHECK(seen.members[0].instance_id == "a");
  CHECK(seen.members[1].instance_id == "b");
  CHECK(seen.members[2].id == first.id);
  CHECK(seen.members[2].owned.size() == 4);
  CHECK(seen.members[0].topics == std::vector<std::string>{"t"});
  CHECK(seen.partitions == std::map<std::string, int>{{"t", 4}});
}

TEST_CASE("A group is described as it is on its way") {
  CoordinatorFixture fixture;
  CHECK(fixture.group->Describe().state == GroupState::kEmpty);
  CHECK(fixture.group->Describe().assignor.empty());
  const auto first = fixture.Join();
  CHECK(fixture.group->Describe().state == GroupState::kRebalancing);
  fixture.Owned(first);
  CHECK(fixture.group->Describe().state == GroupState::kStable);
  CHECK(fixture.group->Describe().assignor == "cooperative-sticky");
  fixture.group->Leave(first.id);
  CHECK(fixture.group->Describe().state == GroupState::kEmpty);
}

TEST_CASE("An assignor of the user's own is not asked when nobody is left") {
  CoordinatorFixture fixture;
  int asked = 0;
  const auto member = fixture.group->Join(ToTopics({"t"}, [&asked](const AssignorInput& input) {
    ++asked;
    REQUIRE_FALSE(input.members.empty());
    return ToTheLast(input);
  }));
  REQUIRE(member.ok());
  CHECK(asked > 0);
  fixture.group->Leave(member->id);
  CHECK(fixture.group->Describe().members.empty());
}

}  // namespace daybook
