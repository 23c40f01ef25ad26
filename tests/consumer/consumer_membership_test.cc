#include "consumer/consumer_membership.h"

#include <chrono>
#include <memory>
#include <string>

#include "catch.h"
#include "support/group_fixture.h"

namespace daybook {
namespace {

using MemberStatus = GroupCoordinator::MemberStatus;

// Members of one group that only take part in it.
class MembershipFixture {
 public:
  // One that has joined and not yet synced.
  std::unique_ptr<ConsumerMembership> Join(const std::string& instance = "") {
    auto member = std::make_unique<ConsumerMembership>(
        group(), GroupCoordinator::Joining{.subscription = Subscription::ToTopics({"t"}),
                                           .instance_id = instance});
    REQUIRE(member->Join().ok());
    return member;
  }
  std::shared_ptr<GroupCoordinator> group() { return fixture_.group; }
  ManualClock& clock() { return fixture_.broker.clock(); }

 private:
  CoordinatorFixture fixture_;
};

}  // namespace

TEST_CASE("A member is in sync from a Sync on until something changes in the group") {
  MembershipFixture group;
  const auto first = group.Join();
  CHECK_FALSE(first->is_in_sync());
  CHECK(first->Sync({}).owned.size() == 4);
  CHECK(first->is_in_sync());
  CHECK(first->generation() == 1);
  const auto second = group.Join();
  CHECK_FALSE(first->is_in_sync());
  CHECK(first->Sync({}).revoked.size() == 2);
  CHECK(first->generation() == 2);
  first->SyncAgain();
  CHECK_FALSE(first->is_in_sync());
}

TEST_CASE("A member that has left is none any more") {
  MembershipFixture group;
  const auto member = group.Join();
  CHECK(member->CheckStanding().ok());
  member->Leave();
  CHECK_FALSE(group.group()->IsMember(member->id()));
  CHECK(member->has_left());
  CHECK(member->is_gone());
  CHECK(absl::IsFailedPrecondition(member->CheckStanding()));
}

TEST_CASE("A member that is fenced is told so, and by which instance") {
  MembershipFixture group;
  const auto older = group.Join("one");
  const auto newer = group.Join("one");
  CHECK(older->Sync({}).standing == MemberStatus::kFenced);
  CHECK(older->CheckStanding().ok());  // until its partitions are given up
  older->Fence();
  CHECK(older->is_gone());
  CHECK_FALSE(older->has_left());
  CHECK(absl::IsAborted(older->CheckStanding()));
  CHECK(older->CheckStanding().message().find("instance_id one;") != std::string::npos);
  CHECK(newer->Sync({}).standing == MemberStatus::kMember);
}

TEST_CASE("A member that was lost keeps what it knows until it joins again") {
  MembershipFixture group;
  const auto member = group.Join();
  member->Sync({});
  group.clock().Advance(std::chrono::hours(1));
  group.group()->DropLost(group.clock().MonotonicNow());
  CHECK_FALSE(member->is_in_sync());
  const std::int64_t generation = member->generation();
  CHECK(member->Sync({}).standing == MemberStatus::kLost);
  CHECK(member->generation() == generation);
  CHECK_FALSE(member->is_gone());
  const std::string lost = member->id();
  CHECK(member->Lost().message().find(lost) == 0);
  REQUIRE(member->Join(true).ok());
  CHECK(member->id() != lost);
  CHECK(member->Sync({}).owned.size() == 4);
}

TEST_CASE("A member that is destroyed leaves, and a static one keeps its place") {
  MembershipFixture group;
  auto member = group.Join();
  auto fixed = group.Join("one");
  const std::string id = member->id();
  const std::string fixed_id = fixed->id();
  member.reset();
  fixed.reset();
  CHECK_FALSE(group.group()->IsMember(id));
  CHECK(group.Join("one")->Sync({}).owned.size() == 4);
}

TEST_CASE("What never joined does not leave") {
  MembershipFixture group;
  const auto member = group.Join();
  member->Sync({});
  {
    const ConsumerMembership other(group.group(), {.subscription = Subscription::ToTopics({"t"})});
  }
  CHECK(member->is_in_sync());
}

}  // namespace daybook
