#include "broker/access.h"
#include "catch.h"
#include "coordination/group_registry.h"
#include "daybook/admin.h"
#include "daybook/transaction.h"
#include "support/group_fixture.h"

// Where a group begins at kLatest: src/coordination/group_places.cc.

namespace daybook {
namespace {

const GroupOptions kAtEnd{.offset_reset = OffsetReset::kLatest};

// One topic t with old records, and a group g that begins at its end.
struct LateFixture {
  explicit LateFixture(int partitions = 1) {
    broker.MakeTopic("t", {.partitions = partitions});
    for (int id = 0; id < partitions; ++id) broker.SendMany("t", id, 3);
  }
  std::unique_ptr<Consumer> Join(JoinOptions options = {}) {
    return ConsumerGroup(*broker, "g", kAtEnd).Join({"t"}, std::move(options)).value();
  }
  std::unique_ptr<Consumer> JoinMatching(const std::string& expression) {
    return ConsumerGroup(*broker, "g", kAtEnd).JoinMatching(expression).value();
  }
  Offset Place(int partition) {
    const auto place = Access::Core(*broker).offsets().Find({"g", "t", partition});
    return place.value().value_or(CommittedOffset{.offset = Offset(-1)}).offset;
  }

  BrokerFixture broker;
};

}  // namespace

TEST_CASE("At kLatest a group's place is the end as of its first Join") {
  LateFixture fixture(2);
  const auto first = fixture.Join();
  CHECK(fixture.Place(0) == Offset(3));
  CHECK(fixture.Place(1) == Offset(3));
  const auto group = Admin(*fixture.broker).DescribeGroup("g").value();
  REQUIRE(group.offsets.size() == 2);
  CHECK(group.offsets[0].committed == Offset(3));
  CHECK(group.offsets[0].lag == 0);
  fixture.broker.SendMany("t", 0, 2);
  CHECK(Drain(*first) == std::vector<std::string>{"0", "1"});
  CHECK(first->Committed({"t", 1}).value().offset == Offset(3));
  // Of another group nothing is known by that.
  CHECK(Drain(*ConsumerGroup(*fixture.broker, "h", kAtEnd).Join({"t"}).value()).empty());
}

TEST_CASE("At kLatest nothing is skipped when the first member goes before it commits") {
  LateFixture fixture;
  SECTION("it is destroyed") {
    auto first = fixture.Join();
    fixture.broker.SendMany("t", 0, 2);
    CHECK(Drain(*first).size() == 2);
    first.reset();
    fixture.broker.SendMany("t", 0, 2);
  }
  SECTION("it leaves, and never polled") {
    REQUIRE(fixture.Join()->Leave().ok());
    fixture.broker.SendMany("t", 0, 4);
  }
  SECTION("it is lost") {
    const auto first = fixture.Join();
    CHECK(Drain(*first).empty());
    fixture.broker.SendMany("t", 0, 4);
    fixture.broker.clock().Advance(std::chrono::minutes(6));
  }
  SECTION("its process is killed") {
    auto first = fixture.Join();
    CHECK(Drain(*first).empty());
    fixture.broker.SendMany("t", 0, 4);
    first.reset();
    fixture.broker.Kill();
  }
  SECTION("it gives the partition to a second one") {
    const auto first = fixture.Join({.instance_id = "a"});
    CHECK(Drain(*first).empty());
    fixture.broker.SendMany("t", 0, 4);
    const auto again = fixture.Join({.instance_id = "a"});
    CHECK(Drain(*again).size() == 4);
    fixture.broker.clock().Advance(std::chrono::minutes(6));
  }
  CHECK(Drain(*fixture.Join()).size() == 4);
}

TEST_CASE("At kLatest a power cut takes no place that a group began at") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture broker;
    broker.MakeTopic("t", {.durability = Durability::kDisk});
    broker.SendMany("t", 0, 3);
    { const auto first = ConsumerGroup(*broker, "g", kAtEnd).Join({"t"}).value(); }
    broker.SendMany("t", 0, 4);
    broker.CutPower(seed);
    CHECK(Drain(*ConsumerGroup(*broker, "g", kAtEnd).Join({"t"}).value()).size() == 4);
  }
}

TEST_CASE("At kLatest partitions that are added are read from their beginning") {
  LateFixture fixture;
  SECTION("while there are members") {
    const auto consumer = fixture.Join();
    CHECK(Drain(*consumer).empty());
    REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 3).ok());
    fixture.broker.SendMany("t", 1, 5);
    fixture.broker.SendMany("t", 2, 5);
    CHECK(Drain(*consumer).size() == 10);
    CHECK(fixture.Place(2) == Offset(0));
  }
  SECTION("while there are none") {
    fixture.Join();
    REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 3).ok());
    fixture.broker.SendMany("t", 1, 5);
    CHECK(Drain(*fixture.Join()).size() == 5);
  }
  SECTION("and another member joins before anybody has polled") {
    const auto consumer = fixture.Join();
    CHECK(Drain(*consumer).empty());
    REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 2).ok());
    fixture.broker.SendMany("t", 1, 5);
    const auto second = fixture.Join();
    CHECK(Drain(*consumer).size() + Drain(*second).size() == 5);
  }
  SECTION("and the disk is full then") {
    const auto consumer = fixture.Join();
    CHECK(Drain(*consumer).empty());
    REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 2).ok());
    fixture.broker.SendMany("t", 1, 5);
    CHECK(Drain(*consumer).size() == 5);
  }
}

TEST_CASE("At kLatest new topics of an expression are read from their beginning, old ones not") {
  LateFixture fixture;
  fixture.broker.MakeTopic("t2");
  fixture.broker.SendMany("t2", 0, 3);
  SECTION("while there are members") {
    const auto consumer = fixture.JoinMatching("t.*");
    CHECK(Drain(*consumer).empty());
    fixture.broker.MakeTopic("t3");
    fixture.broker.SendMany("t3", 0, 5);
    CHECK(Drain(*consumer).size() == 5);
  }
  SECTION("while there are none") {
    CHECK(Drain(*fixture.JoinMatching("t.*")).empty());
    fixture.broker.MakeTopic("t3");
    fixture.broker.SendMany("t3", 0, 5);
    CHECK(Drain(*fixture.JoinMatching("t.*")).size() == 5);
  }
  SECTION("an old topic that a member subscribes to later, by its name") {
    CHECK(Drain(*fixture.Join()).empty());
    const auto consumer = ConsumerGroup(*fixture.broker, "g", kAtEnd).Join({"t", "t2"}).value();
    CHECK(Drain(*consumer).empty());
  }
}

TEST_CASE("At kLatest a topic that is made again is read from its beginning") {
  LateFixture fixture;
  const auto consumer = fixture.Join();
  CHECK(Drain(*consumer).empty());
  REQUIRE(fixture.broker->DeleteTopic("t").ok());
  if (GENERATE(false, true)) CHECK(Drain(*consumer).empty());
  fixture.broker.MakeTopic("t");
  fixture.broker.SendMany("t", 0, 2);
  CHECK(Drain(*consumer).size() == 2);
}

TEST_CASE("Joining at kLatest says when a group's place cannot be stored, and can be tried again") {
  LateFixture fixture(4);
  fixture.broker.disk().SetCapacity(0);
  const auto failed = ConsumerGroup(*fixture.broker, "g", kAtEnd).Join({"t"});
  REQUIRE_FALSE(failed.ok());
  fixture.broker.disk().SetCapacity(1 << 30);
  const auto consumer = fixture.Join();
  CHECK(Drain(*consumer).empty());
  fixture.broker.SendMany("t", 2, 1);
  CHECK(Drain(*consumer).size() == 1);
}

TEST_CASE("At kEarliest and kNone joining stores no place") {
  for (const OffsetReset reset : {OffsetReset::kEarliest, OffsetReset::kNone}) {
    LateFixture fixture;
    const auto consumer =
        ConsumerGroup(*fixture.broker, "g", {.offset_reset = reset}).Join({"t"}).value();
    CHECK(consumer->Poll({}).ok() == (reset == OffsetReset::kEarliest));
    CHECK(fixture.Place(0) == Offset(-1));
  }
}

TEST_CASE("A group's places in thousands of partitions are fixed in one Join") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
  broker.MakeTopic("many", {.partitions = 2500});
  {
    const auto first = ConsumerGroup(*broker, "g", kAtEnd).Join({"t", "many"}).value();
    broker.SendMany("t", 0, 1);
    broker.SendMany("many", 2499, 1);
  }
  CHECK(Drain(*ConsumerGroup(*broker, "g", kAtEnd).Join({"t", "many"}).value()).size() == 2);
  broker.Kill();
  broker.SendMany("t", 0, 1);
  // The records of the memory topic and the places in it went with the process.
  CHECK(Drain(*ConsumerGroup(*broker, "g", kAtEnd).Join({"t", "many"}).value()).size() == 1);
}

TEST_CASE("At kLatest the place is durable when Join returns, also if somebody else put it there") {
  LateFixture fixture;
  fixture.broker.MakeTopic("u");
  OffsetStore& store = Access::Core(*fixture.broker).offsets();
  // As another member's Join has, whose sync is still under way.
  REQUIRE(store.Commit({"g", "t", 0}, Offset(3)).ok());
  const auto consumer = fixture.Join();
  Partition& log = fixture.broker->OpenTopic("__consumer_offsets")->partition(0);
  CHECK(log.durable_offset().value() == log.end_offset().value());
  int syncs = 0;
  fixture.broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    syncs += operation == SimulatedFileSystem::Operation::kSync ? 1 : 0;
    return absl::OkStatus();
  });
  const auto second = fixture.Join();
  CHECK(syncs == 0);
  fixture.broker.disk().SetHook(nullptr);
}

TEST_CASE("A member that lost a partition before it had noted a place notes none") {
  LateFixture fixture;
  const auto first = fixture.Join();
  const auto group = Access::Groups(*fixture.broker)->Find("g").value();
  PartitionLog& log = Access::Log(fixture.broker->OpenTopic("t").value().partition(0));
  fixture.broker.SendMany("t", 0, 4);
  CHECK(absl::IsAborted(group->FixPlace("no-member", {"t", 0}, log).status()));
  CHECK(fixture.Place(0) == Offset(3));
  // Where there is a place by now, that one counts.
  const std::string owner = first->member_id();
  REQUIRE(first->Poll(std::chrono::seconds(0)).ok());
  CHECK(group->FixPlace(owner, {"t", 0}, log).value() == Offset(3));
  CHECK(fixture.Place(0) == Offset(3));
}

}  // namespace daybook
