#include "broker/group_coordinator.h"

#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

struct CoordinatorFixture {
  BrokerFixture broker;
  GroupCoordinator group{"g", broker->core().offsets()};

  std::string Join(int partitions = 4) { return group.Join({{"t", partitions}}); }
  std::size_t Owned(const std::string& member) { return group.Sync(member).value().owned.size(); }
};

}  // namespace

TEST_CASE("A partition moves only after its owner has let go of it") {
  CoordinatorFixture fixture;
  const std::string first = fixture.Join();
  CHECK(fixture.Owned(first) == 4);
  const std::string second = fixture.Join();
  CHECK(fixture.Owned(second) == 0);
  CHECK(fixture.Owned(first) == 2);
  CHECK(fixture.Owned(second) == 2);
}

TEST_CASE("Every change that concerns a member is announced") {
  CoordinatorFixture fixture;
  const std::string first = fixture.Join();
  fixture.Owned(first);
  const std::uint64_t before = fixture.group.epoch();
  const std::string second = fixture.Join();
  CHECK(fixture.group.epoch() != before);
  const std::uint64_t joined = fixture.group.epoch();
  fixture.Owned(first);  // lets go
  CHECK(fixture.group.epoch() != joined);
}

TEST_CASE("A member that leaves gives everything back") {
  CoordinatorFixture fixture;
  const std::string first = fixture.Join();
  const std::string second = fixture.Join();
  fixture.Owned(first);
  fixture.Owned(second);
  fixture.group.Leave(first);
  CHECK(fixture.Owned(second) == 4);
  CHECK(absl::IsFailedPrecondition(fixture.group.Sync(first).status()));
  fixture.group.Leave(first);  // once more does nothing
}

TEST_CASE("Only the owner commits") {
  CoordinatorFixture fixture;
  const std::string first = fixture.Join(1);
  const std::string second = fixture.Join(1);
  CHECK(fixture.Owned(first) == 1);
  CHECK(fixture.group.Commit(first, {"t", 0}, Offset(5)).ok());
  CHECK(absl::IsAborted(fixture.group.Commit(second, {"t", 0}, Offset(6))));
  CHECK(absl::IsAborted(fixture.group.Commit(first, {"t", 9}, Offset(6))));
  CHECK(fixture.broker->core().offsets().Find({"g", "t", 0}).value()->offset == Offset(5));
}

TEST_CASE("However members come and go, no partition has two owners and none is forgotten") {
  std::uint64_t random = 1;
  CoordinatorFixture fixture;
  std::vector<std::string> members;
  for (int step = 0; step < 2000; ++step) {
    random = random * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t pick = random >> 33;
    if (members.empty() || pick % 10 == 0) {
      members.push_back(fixture.Join(7));
    } else if (pick % 10 == 1) {
      fixture.group.Leave(members.back());
      members.pop_back();
    } else {
      REQUIRE(fixture.group.Sync(members[pick % members.size()]).ok());
    }
    // owners is a map from partition to its one owner; each must be a member.
    for (const auto& [partition, owner] : fixture.group.Describe().owners) {
      REQUIRE(std::find(members.begin(), members.end(), owner) != members.end());
    }
  }
  if (members.empty()) members.push_back(fixture.Join(7));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& member : members) fixture.Owned(member);
  }
  CHECK(fixture.group.Describe().owners.size() == 7);
}

}  // namespace daybook
