#include "coordination/rebalance.h"

#include "catch.h"

namespace daybook {
namespace {

using Partitions = std::set<TopicPartition>;
using Member = RebalanceInput::Member;

Partitions Of(const std::string& topic, int begin, int end) {
  Partitions partitions;
  for (int id = begin; id < end; ++id) partitions.insert({topic, id});
  return partitions;
}

Member MemberOf(const std::string& id, const Partitions& owned, const Partitions& target) {
  return {.id = id, .instance_id = {}, .topics = {"t"}, .owned = owned, .target = target};
}

RebalanceInput InputOf(std::vector<Member> members, int partitions = 4) {
  return {.members = std::move(members), .partitions = {{"t", partitions}}};
}

Partitions OwnedBy(const AssignorInput& shown, const std::string& id) {
  for (const AssignorMember& member : shown.members) {
    if (member.id == id) return {member.owned.begin(), member.owned.end()};
  }
  return {};
}

}  // namespace

TEST_CASE("A member that joins gets its share, and what stays with the others is not moved") {
  const RebalanceInput input =
      InputOf({MemberOf("g-1", Of("t", 0, 4), Of("t", 0, 4)), MemberOf("g-2", {}, {})});
  const Assignments targets = Rebalance(input).value();
  REQUIRE(targets.at("g-1").size() == 2);
  REQUIRE(targets.at("g-2").size() == 2);
  for (const TopicPartition& partition : targets.at("g-2")) {
    CHECK(input.members[0].owned.contains(partition));
  }
}

TEST_CASE("What a member was to own and nobody owns yet stays its own") {
  const AssignorInput shown = ToAssignorInput(
      InputOf({MemberOf("g-1", Of("t", 0, 3), Of("t", 0, 2)), MemberOf("g-2", {}, Of("t", 2, 4))}));
  CHECK(OwnedBy(shown, "g-1") == Of("t", 0, 3));  // it has not let go of t-2 yet
  CHECK(OwnedBy(shown, "g-2") == Of("t", 3, 4));
}

TEST_CASE("Assignors are not shown partitions that are gone, or that their owner reads no more") {
  Member moved = MemberOf("g-1", Of("u", 0, 2), {});
  moved.owned.merge(Of("t", 0, 6));
  CHECK(OwnedBy(ToAssignorInput(InputOf({moved})), "g-1") == Of("t", 0, 4));
  moved.topics = {};
  CHECK(OwnedBy(ToAssignorInput(InputOf({moved})), "g-1").empty());
}

TEST_CASE("Assignors see static members by instance id, and then the others as they joined") {
  std::vector<Member> members;
  for (const auto& [id, instance] : std::vector<std::pair<std::string, std::string>>{
           {"g-1", ""}, {"g-2", "b"}, {"g-3", ""}, {"g-4", "a"}}) {
    members.push_back(MemberOf(id, {}, {}));
    members.back().instance_id = instance;
  }
  std::vector<std::string> ids;
  for (const AssignorMember& member : ToAssignorInput(InputOf(members)).members) {
    ids.push_back(member.id);
  }
  CHECK(ids == std::vector<std::string>{"g-4", "g-2", "g-1", "g-3"});
}

TEST_CASE("A user's assignor is asked when there are members, and what it answers is checked") {
  int asked = 0;
  RebalanceInput input = InputOf({});
  input.custom_assignor = [&](const AssignorInput&) {
    ++asked;
    return Assignments{{"nobody", {{"t", 0}}}};
  };
  CHECK(Rebalance(input).value().empty());
  CHECK(asked == 0);
  input.members.push_back(MemberOf("g-1", {}, {}));
  CHECK(absl::IsInvalidArgument(Rebalance(input).status()));
  CHECK(asked == 1);
}

TEST_CASE("A rebalance is needed until it is finished, and each change makes its input stale") {
  PendingRebalance pending;
  pending.NoteChange(false);
  CHECK_FALSE(pending.is_needed());
  pending.NoteChange(true);
  pending.NoteChange(false);
  CHECK(pending.is_needed());
  CHECK(pending.changes() == 3);
  pending.Finish(absl::InvalidArgumentError("bad"));
  CHECK_FALSE(pending.is_needed());
  CHECK(absl::IsInvalidArgument(pending.result()));
  pending.ForgetResult();
  CHECK(pending.result().ok());
}

}  // namespace daybook
