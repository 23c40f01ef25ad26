#include "coordination/group_coordinator.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "broker/access.h"
#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "support/group_fixture.h"
#include "support/hooked_clock.h"

namespace daybook {

using MemberStatus = GroupCoordinator::MemberStatus;

TEST_CASE("A partition moves only after its owner has let go of it") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join();
  CHECK(fixture.Count(first) == 4);
  const auto second = fixture.Join();
  CHECK(fixture.Count(second) == 0);
  // Told what to let go of, and still its owner.
  const auto told = fixture.group->Sync(first);
  CHECK(told.revoked == std::vector<TopicPartition>{{"t", 2}, {"t", 3}});
  CHECK(told.owned.size() == 4);
  CHECK(fixture.Count(second) == 0);
  CHECK(fixture.Commit(first, 3, 7).ok());
  CHECK(fixture.group->Sync(first, told.revoked).owned.size() == 2);
  CHECK(absl::IsAborted(fixture.Commit(first, 3, 8)));
  CHECK(fixture.Count(second) == 2);
}

TEST_CASE("Every change that concerns a member is announced") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join();
  fixture.Count(first);
  const std::uint64_t before = fixture.group->epoch();
  const auto second = fixture.Join();
  CHECK(fixture.group->epoch() != before);
  const std::uint64_t joined = fixture.group->epoch();
  fixture.Count(first);  // lets go
  CHECK(fixture.group->epoch() != joined);
}

TEST_CASE("A member that leaves gives everything back") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join();
  const auto second = fixture.Join();
  fixture.Count(first);
  fixture.Count(second);
  fixture.group->Leave(first.id);
  CHECK(fixture.Count(second) == 4);
  CHECK(fixture.group->Sync(first).standing == MemberStatus::kLost);
  fixture.group->Leave(first.id);  // once more does nothing
}

TEST_CASE("Only the owner commits") {
  CoordinatorFixture fixture(1);
  const auto first = fixture.Join();
  const auto second = fixture.Join();
  CHECK(fixture.Count(first) == 1);
  CHECK(fixture.Commit(first, 0, 5).ok());
  CHECK(absl::IsAborted(fixture.Commit(second, 0, 6)));
  CHECK(absl::IsAborted(fixture.Commit(first, 9, 6)));
  CHECK(fixture.store().Find({"g", "t", 0}).value()->offset == Offset(5));
}

TEST_CASE("A member that does not poll is lost, whoever notices it") {
  for (const std::string notices : {"sync", "commit", "join", "describe"}) {
    INFO(notices);
    CoordinatorFixture fixture;
    const auto first = fixture.Join();
    const auto second = fixture.Join();
    fixture.Count(first);
    CHECK(fixture.Count(second) == 2);
    fixture.broker.clock().Advance(std::chrono::minutes(3));
    second.deadline->Restart(fixture.broker.clock().MonotonicNow());
    fixture.broker.clock().Advance(std::chrono::minutes(1));
    CHECK(fixture.Commit(first, 0, 1).ok());
    fixture.broker.clock().Advance(std::chrono::minutes(1));
    if (notices == "commit") CHECK(absl::IsAborted(fixture.Commit(first, 0, 2)));
    if (notices == "join") fixture.group->Leave(fixture.Join().id);
    if (notices == "describe") CHECK(fixture.group->Describe().members.size() == 1);
    if (notices == "sync") fixture.group->DropLost(fixture.broker.clock().MonotonicNow());
    CHECK(fixture.Count(second) == 4);
    CHECK(fixture.group->Sync(first).standing == MemberStatus::kLost);
    CHECK(absl::IsAborted(fixture.Commit(first, 0, 2)));
  }
}

TEST_CASE("A member that waits in Poll is not lost, until it runs again and does not poll") {
  CoordinatorFixture fixture;
  const auto member = fixture.Join();
  member.deadline->Stop();
  fixture.broker.clock().Advance(std::chrono::hours(1));
  CHECK(fixture.group->HasMembers());
  const auto now = fixture.broker.clock().MonotonicNow();
  // Who parks meanwhile looks again when that one can be lost at the earliest.
  CHECK(fixture.group->deadlines().SleepUntil(now) <= now + std::chrono::minutes(5));
  member.deadline->Start(now);
  fixture.group->deadlines().Include(member.deadline->at(), member.deadline->interval());
  CHECK(fixture.group->deadlines().SleepUntil(now) == now + std::chrono::minutes(5));
  fixture.broker.clock().Advance(std::chrono::minutes(5));
  CHECK_FALSE(fixture.group->HasMembers());
}

TEST_CASE("A static member takes its place again, and the older one is fenced") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join("a");
  const auto second = fixture.Join("b");
  const auto had = fixture.Owned(first);
  CHECK(fixture.Count(second) == 2);
  const std::int64_t generation = fixture.group->Describe().generation;
  fixture.group->SuspendStatic(first.id);
  const auto again = fixture.Join("a");
  CHECK(fixture.group->Describe().generation == generation);
  CHECK(fixture.Owned(again) == had);
  CHECK(fixture.group->Sync(first).standing == MemberStatus::kFenced);
  CHECK(absl::IsAborted(fixture.Commit(first, had.begin()->partition, 1)));
  fixture.group->Leave(first.id);
  CHECK(fixture.group->Describe().members.size() == 2);
  // Also when the newer one has gone for good.
  fixture.group->Leave(again.id);
  CHECK(fixture.group->Sync(first).standing == MemberStatus::kFenced);
  CHECK(fixture.Count(second) == 4);
}

TEST_CASE("What a static member that is away shall not have goes on at once, the rest stays") {
  CoordinatorFixture fixture;
  const auto away = fixture.Join("a");
  CHECK(fixture.Count(away) == 4);
  fixture.group->SuspendStatic(away.id);
  const auto second = fixture.Join();
  CHECK(fixture.Count(second) == 2);
  CHECK(fixture.group->Describe().members[0].is_away);
  CHECK(fixture.group->Describe().members[0].assigned.size() == 2);
  fixture.broker.clock().Advance(std::chrono::minutes(4));
  second.deadline->Restart(fixture.broker.clock().MonotonicNow());
  fixture.broker.clock().Advance(std::chrono::minutes(1));
  CHECK_FALSE(fixture.group->IsMember(away.id));
  CHECK(fixture.Count(second) == 4);
}

TEST_CASE("What is done while a member owns partitions is not done without them") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join();
  fixture.Count(first);
  int runs = 0;
  const auto run = [&] {
    ++runs;
    return absl::OkStatus();
  };
  CHECK(fixture.group->WhileOwned(first.id, {{{"t", 0}, 1}, {{"t", 3}, 1}}, run).ok());
  CHECK(absl::IsAborted(fixture.group->WhileOwned(first.id, {{{"t", 0}, 1}, {{"t", 4}, 1}}, run)));
  CHECK(absl::IsAborted(fixture.group->WhileOwned("nobody", {{{"t", 0}, 1}}, run)));
  CHECK(runs == 1);
  CHECK(absl::IsUnavailable(fixture.group->WhileOwned(
      first.id, {{{"t", 0}, 1}}, [] { return absl::UnavailableError("not now"); })));
  fixture.broker.clock().Advance(std::chrono::minutes(5));
  CHECK(absl::IsAborted(fixture.group->WhileOwned(first.id, {{{"t", 0}, 1}}, run)));
  CHECK(runs == 1);
}

TEST_CASE("What a member knew of a partition before it went away and came back does not count") {
  CoordinatorFixture fixture;
  const auto first = fixture.Join();
  fixture.Count(first);
  const std::int64_t before = fixture.group->Sync(first).generation;
  const auto ok = [] { return absl::OkStatus(); };
  const auto second = fixture.Join();
  fixture.Count(first);
  const std::set<TopicPartition> moved = fixture.Owned(second);
  REQUIRE(moved.size() == 2);
  fixture.group->Leave(second.id);
  REQUIRE(fixture.Count(first) == 4);
  const std::int64_t after = fixture.group->Sync(first).generation;
  for (int id = 0; id < 4; ++id) {
    const bool has_moved = moved.contains({"t", id});
    CHECK(absl::IsAborted(fixture.group->WhileOwned(first.id, {{{"t", id}, before}}, ok)) ==
          has_moved);
    CHECK(fixture.group->WhileOwned(first.id, {{{"t", id}, after}}, ok).ok());
  }
}

TEST_CASE("What is done while a group is empty is not done while it has members") {
  CoordinatorFixture fixture;
  const auto ok = [] { return absl::OkStatus(); };
  CHECK(fixture.group->WhileEmpty(ok).ok());
  const auto member = fixture.Join();
  const auto refused = fixture.group->WhileEmpty(ok);
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message().find(member.id) != absl::string_view::npos);
  fixture.group->Leave(member.id);
  CHECK(fixture.group->WhileEmpty(ok).ok());
}

TEST_CASE("However members come and go, no partition has two owners and none is forgotten") {
  std::uint64_t random = 1;
  CoordinatorFixture fixture(7);
  std::vector<GroupCoordinator::Membership> members;
  for (int step = 0; step < 2000; ++step) {
    random = random * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t pick = random >> 33;
    if (members.empty() || pick % 10 == 0) {
      members.push_back(fixture.Join());
    } else if (pick % 10 == 1) {
      fixture.group->Leave(members.back().id);
      members.pop_back();
    } else {
      fixture.Owned(members[pick % members.size()]);
    }
    // owners is a map from partition to its one owner; each must be a member, and know.
    const auto described = fixture.group->Describe();
    std::size_t owned = 0;
    for (const GroupMember& member : described.members) {
      owned += member.assigned.size();
      for (const TopicPartition& partition : member.assigned) {
        REQUIRE(described.owners.at(partition) == member.id);
      }
    }
    REQUIRE(described.owners.size() == owned);
  }
  if (members.empty()) members.push_back(fixture.Join());
  for (int round = 0; round < 2; ++round) {
    for (const auto& member : members) fixture.Owned(member);
  }
  CHECK(fixture.group->Describe().owners.size() == 7);
  CHECK(fixture.group->Describe().state == GroupState::kStable);
}

namespace {

// Two members that share the two partitions of a topic, in a broker whose appends can be held up.
struct HookedGroup {
  HookedGroup() {
    Settle(second);
    REQUIRE(Commit(first, 1).ok());  // makes the topic of the offsets
    Settle(second);
  }

  GroupCoordinator::Membership Join() {
    return group->Join({.subscription = Subscription::ToTopics({"t"})}).value();
  }
  std::set<TopicPartition> Settle(const GroupCoordinator::Membership& member) {
    const auto revoked = group->Sync(member).revoked;
    const auto owned = group->Sync(member, revoked).owned;
    return {owned.begin(), owned.end()};
  }
  absl::Status Commit(const GroupCoordinator::Membership& member, std::int64_t offset) {
    return group->Commit(member.id, partition, Offset(offset));
  }
  std::optional<CommittedOffset> Committed() {
    return Access::Core(*broker)
        .offsets()
        .Find({"g", partition.topic, partition.partition})
        .value();
  }
  // Once, in the middle of the next append.
  void OnAppend(std::function<void()> hook) {
    clock.on_now = [this, hook = std::move(hook)] {
      if (!was_called.exchange(true)) hook();
    };
  }

  SimulatedFileSystem disk;
  HookedClock clock;
  std::atomic<bool> was_called{false};
  std::unique_ptr<Broker> broker =
      Broker::Open("/data",
                   {.background = Background::kCaller, .file_system = &disk, .clock = &clock})
          .value();
  absl::Status created = broker->CreateTopic("t", {.partitions = 2});
  std::shared_ptr<GroupCoordinator> group = Access::Groups(*broker)->Find("g").value();
  GroupCoordinator::Membership first = Join();
  GroupCoordinator::Membership second = Join();
  TopicPartition partition = *Settle(first).begin();  // of the first member
};

}  // namespace

TEST_CASE_METHOD(HookedGroup, "While the commit of a member is appended, the group goes on") {
  GroupCoordinator::Assignment other;
  OnAppend([&] {
    std::thread([&] {
      other = group->Sync(second);
      group->IsMember(first.id);
    }).join();
  });
  REQUIRE(Commit(first, 5).ok());
  CHECK(was_called);
  CHECK(other.owned.size() == 1);
}

TEST_CASE_METHOD(HookedGroup,
                 "The next owner of a partition sees the last commit of the one before") {
  std::thread next;
  std::optional<CommittedOffset> seen;
  absl::Status committed;
  OnAppend([&] {
    next = std::thread([&] {
      group->Leave(first.id);
      const auto owned = group->Sync(second).owned;
      if (!std::binary_search(owned.begin(), owned.end(), partition)) return;
      seen = Committed();
      committed = Commit(second, 7);
    });
  });
  REQUIRE(Commit(first, 5).ok());
  next.join();
  REQUIRE(seen.has_value());
  CHECK(seen->offset == Offset(5));
  CHECK(committed.ok());
  CHECK(absl::IsAborted(Commit(first, 6)));
  CHECK(Committed()->offset == Offset(7));
}

}  // namespace daybook
