#include "coordination/group_registry.h"

#include <functional>

#include "broker/access.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/group_fixture.h"
#include "support/hooked_clock.h"

namespace daybook {
TEST_CASE("Names of groups are printable and not too long") {
  BrokerFixture broker;
  const auto groups = Access::Groups(*broker);
  CHECK(groups->Find("service").ok());
  for (const std::string& bad :
       {std::string(), std::string(250, 'x'), std::string("a\0b", 3), std::string("a\nb")}) {
    CHECK(absl::IsInvalidArgument(groups->Find(bad).status()));
  }
}

TEST_CASE("A group is described with its places, its metadata and its lag") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 2});
  broker.SendMany("orders", 0, 10);
  broker.SendMany("orders", 1, 3);
  ConsumerGroup group(*broker, "service", {.batch = {.max_records = 4}});
  const auto consumer = group.Join({"orders"}, {.instance_id = "one"}).value();
  CHECK(consumer->Poll({}).value().size() == 4);
  REQUIRE(consumer->Commit({{{"orders", 0}, {.offset = Offset(4), .metadata = "from here"}}}).ok());
  const GroupDescription description = Admin(*broker).DescribeGroup("service").value();
  CHECK(description.state == GroupState::kStable);
  CHECK(description.assignor == "cooperative-sticky");
  CHECK(description.generation == 1);
  REQUIRE(description.members.size() == 1);
  CHECK(description.members[0].id == consumer->member_id());
  CHECK(description.members[0].instance_id == "one");
  CHECK(description.members[0].assigned.size() == 2);
  REQUIRE(description.offsets.size() == 2);
  CHECK(description.offsets[0].committed == Offset(4));
  CHECK(description.offsets[0].metadata == "from here");
  CHECK(description.offsets[0].end == Offset(10));
  CHECK(description.offsets[0].lag == 6);
  CHECK(description.offsets[0].member == consumer->member_id());
  CHECK_FALSE(description.offsets[1].committed.has_value());
  CHECK(description.offsets[1].lag == 3);
  CHECK(Admin(*broker).ListGroups().value() == std::vector<std::string>{"service"});
  CHECK(absl::IsNotFound(Admin(*broker).DescribeGroup("nobody").status()));
}

TEST_CASE("Places of a group are moved forwards and back, while it has no members") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 10);
  const auto move = [&](std::map<TopicPartition, Offset> to) {
    return Admin(*broker).AlterGroupOffsets("g", to);
  };
  REQUIRE(move({{{"t", 0}, Offset(7)}}).ok());  // it had no place
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer) == std::vector<std::string>{"7", "8", "9"});
    REQUIRE(consumer->Commit().ok());
    CHECK(absl::IsFailedPrecondition(move({{{"t", 0}, Offset(2)}})));
    CHECK(absl::IsFailedPrecondition(Admin(*broker).DeleteGroup("g")));
  }
  REQUIRE(move({{{"t", 0}, Offset(8)}, {{"t", 1}, Offset(0)}}).ok());
  broker.Reopen();
  CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).size() == 2);
}

TEST_CASE("A place that is not there is refused, and then none is moved") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 10);
  const auto refusal = [&](const TopicPartition& partition, std::int64_t offset) {
    const auto status = Admin(*broker).AlterGroupOffsets(
        "g", {{{"a", 0}, Offset(0)}, {partition, Offset(offset)}, {{"t", 0}, Offset(3)}});
    CHECK(Admin(*broker).ListGroups().value().empty());
    return status;
  };
  broker.MakeTopic("a");
  CHECK(absl::IsInvalidArgument(refusal({"t", 1}, 1)));
  CHECK(absl::IsInvalidArgument(refusal({"t", 1}, -1)));
  CHECK(absl::IsNotFound(refusal({"t", 2}, 0)));
  CHECK(absl::IsNotFound(refusal({"u", 0}, 0)));
  CHECK(absl::IsInvalidArgument(Admin(*broker).AlterGroupOffsets("", {})));
}

TEST_CASE("A group that is deleted has no places, and begins anew") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 3);
    REQUIRE(consumer->Commit().ok());
  }
  REQUIRE(Admin(*broker).DeleteGroup("g").ok());
  CHECK(absl::IsNotFound(Admin(*broker).DeleteGroup("g")));
  CHECK(Admin(*broker).ListGroups().value().empty());
  broker.Reopen();
  CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).size() == 3);
}

TEST_CASE("A topic that is deleted and made again is another one to a group") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 10);
  REQUIRE(broker->DeleteTopic("t").ok());
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  consumer->Commit().IgnoreError();
  CHECK(absl::IsNotFound(consumer->Committed({"t", 0}).status()));
  CHECK(Drain(*consumer).size() == 3);
  CHECK(consumer->Commit().ok());
  CHECK(consumer->Committed({"t", 0}).value().offset == Offset(3));
}

TEST_CASE("A group is described without its places in what is not there") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 1});
  OffsetStore& store = Access::Core(*broker).offsets();
  REQUIRE(store.Commit({"group", "t", 0}, Offset(0)).ok());
  // As after a topic was deleted and made anew, when the process died in between.
  REQUIRE(store.Commit({"group", "t", 7}, Offset(3)).ok());
  REQUIRE(store.Commit({"group", "gone", 0}, Offset(3)).ok());
  const auto group = Admin(*broker).DescribeGroup("group");
  INFO(group.status());
  REQUIRE(group.ok());
  REQUIRE(group->offsets.size() == 1);
  CHECK(group->offsets[0].partition == 0);
}

TEST_CASE("Places expire only when asked, and not those of a group that is in use") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 2);
  for (const std::string group : {"idle", "used"}) {
    const auto consumer = ConsumerGroup(*broker, group).Join({"t"}).value();
    REQUIRE(consumer->Poll({}).ok());
    REQUIRE(consumer->Commit().ok());
  }
  broker.clock().Advance(std::chrono::hours(24 * 365));
  CHECK(Admin(*broker).ListGroups()->size() == 2);
  const auto member = ConsumerGroup(*broker, "used").Join({"t"}).value();
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(24 * 366)).value() == 0);
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(1)).value() == 1);
  CHECK(Admin(*broker).ListGroups().value() == std::vector<std::string>{"used"});
  CHECK(
      absl::IsInvalidArgument(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(-1)).status()));
}

TEST_CASE("What fails while places expire is told, and not taken for a group that has members") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  OffsetStore& store = Access::Core(*broker).offsets();
  REQUIRE(store.Commit({"g", "t", 0}, Offset(0)).ok());
  broker.clock().Advance(std::chrono::hours(2));
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("the disk")
                                                              : absl::OkStatus();
  });
  REQUIRE(absl::IsDataLoss(store.WaitDurable(Soon())));  // from then on nothing can be appended
  broker.disk().SetHook(nullptr);
  CHECK(absl::IsFailedPrecondition(
      Admin(*broker).ExpireGroupOffsets(std::chrono::hours(1)).status()));
  CHECK(store.FindGroup("g").value().size() == 1);
}

TEST_CASE("A group's places are moved or forgotten all together, or none where that fails") {
  constexpr int kPartitions = 20;
  for (int round = 0; round < 8; ++round) {
    const bool deletes = round % 2 == 0;
    const int fails_at = 1 + round / 2 * 6;
    SimulatedFileSystem disk;
    HookedClock clock;
    const auto broker =
        Broker::Open("/data",
                     {.background = Background::kCaller, .file_system = &disk, .clock = &clock})
            .value();
    REQUIRE(broker->CreateTopic("t", {.partitions = kPartitions}).ok());
    std::map<TopicPartition, Offset> begin;
    std::map<TopicPartition, Offset> end;
    for (int id = 0; id < kPartitions; ++id) {
      REQUIRE(broker->OpenTopic("t")->partition(id).Append(RecordOf("v")).ok());
      begin[{"t", id}] = Offset(0);
      end[{"t", id}] = Offset(1);
    }
    REQUIRE(Admin(*broker).AlterGroupOffsets("g", begin).ok());
    const Topic offsets = broker->OpenTopic("__consumer_offsets").value();
    int asked = 0;
    clock.on_now = [&] {
      if (++asked == fails_at) {
        Access::Log(offsets.partition(0)).Close(absl::FailedPreconditionError("the disk failed"));
      }
    };
    const absl::Status status =
        deletes ? Admin(*broker).DeleteGroup("g") : Admin(*broker).AlterGroupOffsets("g", end);
    clock.on_now = nullptr;
    const auto places = Access::Core(*broker).offsets().FindGroup("g").value();
    const std::size_t left = status.ok() && deletes ? 0 : kPartitions;
    CHECK(places.size() == left);
    for (const auto& [key, place] : places) {
      CHECK(place.offset == (status.ok() ? Offset(1) : Offset(0)));
    }
  }
}

TEST_CASE("A group that is forgotten and comes back goes on with its generations") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  broker.SendMany("orders", 0, 1);
  {
    const auto member = ConsumerGroup(*broker, "g").Join({"orders"}).value();
    REQUIRE(member->Poll({}).ok());
    REQUIRE(member->Commit().ok());
  }
  const std::int64_t before = Admin(*broker).DescribeGroup("g").value().generation;
  REQUIRE(before > 0);
  for (int i = 0; i < 200; ++i) {
    ConsumerGroup(*broker, "other-" + std::to_string(i)).Join({"orders"}).value();
  }
  REQUIRE(Access::Groups(*broker)->size() < 200);
  CHECK(Admin(*broker).DescribeGroup("g").value().generation >= before);
  const auto member = ConsumerGroup(*broker, "g").Join({"orders"}).value();
  CHECK(Admin(*broker).DescribeGroup("g").value().generation > before);
}

TEST_CASE("Ten thousand groups that came and went leave next to nothing in memory") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  ConsumerGroup staying(*broker, "staying");
  const auto member = staying.Join({"orders"}).value();
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "group-" + std::to_string(i);
    REQUIRE(Admin(*broker).AlterGroupOffsets(name, {{{"orders", 0}, Offset(0)}}).ok());
    REQUIRE(Admin(*broker).DeleteGroup(name).ok());
  }
  CHECK(Access::Groups(*broker)->size() < 200);
  CHECK(Access::Core(*broker).offsets().entries() < 200);
  CHECK(Admin(*broker).ListGroups().value() == std::vector<std::string>{"staying"});
  CHECK(member->Poll({}).ok());
  CHECK(member->Commit().ok());
}

TEST_CASE("No member gets the id of an earlier one, though its group was forgotten meanwhile") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  std::string first;
  first = ConsumerGroup(*broker, "g").Join({"orders"}).value()->member_id();
  for (int i = 0; i < 200; ++i) {
    ConsumerGroup(*broker, "other-" + std::to_string(i)).Join({"orders"}).value();
  }
  CHECK(Access::Groups(*broker)->size() < 200);
  CHECK(ConsumerGroup(*broker, "g").Join({"orders"}).value()->member_id() > first);
}

TEST_CASE("Ten thousand static members that came and went leave next to nothing in memory") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  ConsumerGroup group(*broker, "g");
  const auto fenced = group.Join({"orders"}, {.instance_id = "twice"}).value();
  REQUIRE(group.Join({"orders"}, {.instance_id = "twice"}).value()->Leave().ok());
  for (int i = 0; i < 10'000; ++i) {
    const auto member = group.Join({"orders"}, {.instance_id = "pod-" + std::to_string(i)});
    REQUIRE((*member)->Leave().ok());
  }
  CHECK(Access::Groups(*broker)->Find("g").value()->instances() < 200);
  CHECK(absl::IsAborted(fenced->Poll({}).status()));
}

}  // namespace daybook
