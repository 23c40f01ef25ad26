#include "broker/access.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/group_fixture.h"

// How a member takes part in a rebalance: src/consumer/consumer_rebalance.cc.

namespace daybook {

using Lines = std::vector<std::string>;

TEST_CASE("Members share the partitions, and one that joins waits for the others to let go") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 4});
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"t"}).value();
  REQUIRE(first->Poll({}).ok());
  CHECK(first->Assignment().size() == 4);
  const auto second = group.Join({"t"}).value();
  REQUIRE(second->Poll({}).ok());
  CHECK(second->Assignment().empty());
  REQUIRE(first->Poll({}).ok());
  CHECK(first->Assignment() == std::vector<TopicPartition>{{"t", 0}, {"t", 1}});
  REQUIRE(second->Poll({}).ok());
  CHECK(second->Assignment() == std::vector<TopicPartition>{{"t", 2}, {"t", 3}});
}

TEST_CASE("A topic that is deleted does not keep its members from the other topics") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 2});
  broker.MakeTopic("b", {.partitions = 2});
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"a", "b"}).value();
  const auto second = group.Join({"a", "b"}).value();
  CHECK(Drain(*first).empty());
  CHECK(Drain(*second).empty());
  REQUIRE(broker->DeleteTopic("a").ok());
  REQUIRE(first->Leave().ok());
  broker.SendMany("b", 0, 1);
  broker.SendMany("b", 1, 1);
  CHECK(Drain(*second).size() == 2);
}

TEST_CASE("A place beyond the end, after a power cut, goes on at the end") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    BrokerFixture broker;
    broker.MakeTopic("t");
    broker.SendMany("t", 0, 50);
    {
      const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
      Drain(*consumer);
      REQUIRE(consumer->Commit().ok());
    }
    broker.CutPower(seed);
    const Offset end = broker->OpenTopic("t").value().partition(0).end_offset().value();
    const auto place = Access::Core(*broker).offsets().Find({"g", "t", 0}).value();
    CHECK((!place || place->offset <= end));
    {
      const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
      Drain(*consumer);
      CHECK(consumer->Position({"t", 0}).value() == end);
      broker.SendMany("t", 0, 2);
      CHECK(consumer->Poll({})->size() == 2);
      REQUIRE(consumer->Commit({{{"t", 0}, {.offset = end + 1}}}).ok());
    }
    // That commit counts, though there was a higher one of what is gone.
    CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).size() == 1);
  }
}

TEST_CASE("Listeners are told in the order: revoked, assigned to the other") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  ConsumerGroup group(*broker, "g");
  Diary first_diary;
  Diary second_diary;
  const auto first = group.Join({"t"}, {.listener = first_diary.Listener()}).value();
  CHECK(first_diary.Take().empty());  // not before it polls
  Settled(*first);
  CHECK(first_diary.Take() == Lines{"+t-0", "+t-1"});
  const auto second = group.Join({"t"}, {.listener = second_diary.Listener()}).value();
  Settled(*second);
  CHECK(second_diary.Take().empty());
  Settled(*first);
  CHECK(first_diary.Take() == Lines{"-t-1"});
  Settled(*second);
  CHECK(second_diary.Take() == Lines{"+t-1"});
  REQUIRE(first->Leave().ok());
  CHECK(first_diary.Take() == Lines{"-t-0"});
  Settled(*second);
  CHECK(second_diary.Take() == Lines{"+t-0"});
  Settled(*second);
  CHECK(second_diary.Take().empty());
}

TEST_CASE("What is revoked can still be finished and committed, and moves only then") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 4);
  broker.SendMany("t", 1, 4);
  ConsumerGroup group(*broker, "g");
  std::unique_ptr<Consumer> second;
  bool was_revoked = false;
  const auto first =
      group
          .Join({"t"},
                {.listener = {.on_revoked =
                                  [&](Consumer& me, const std::vector<TopicPartition>& gone) {
                                    was_revoked = true;
                                    CHECK(gone == std::vector<TopicPartition>{{"t", 1}});
                                    CHECK(me.Assignment().size() == 2);
                                    CHECK(Drain(*second).empty());
                                    CHECK(second->Assignment().empty());
                                    CHECK(me.Position(gone[0]).value() == Offset(4));
                                    CHECK(me.Commit({{gone[0], {.offset = Offset(3)}}}).ok());
                                  }}})
          .value();
  CHECK(Drain(*first).size() == 8);
  second = group.Join({"t"}).value();
  CHECK(Drain(*first).empty());
  CHECK(was_revoked);
  CHECK(Drain(*second) == Lines{"3"});
}

TEST_CASE("A listener that is told of partitions may seek in them, but not poll or leave") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  const auto consumer =
      ConsumerGroup(*broker, "g")
          .Join({"t"}, {.listener = {.on_assigned =
                                         [](Consumer& me, const std::vector<TopicPartition>& mine) {
                                           CHECK(me.Seek(mine[0], Offset(8)).ok());
                                           CHECK(absl::IsFailedPrecondition(me.Poll({}).status()));
                                           CHECK(absl::IsFailedPrecondition(me.Leave()));
                                         }}})
          .value();
  CHECK(Drain(*consumer) == Lines{"8", "9"});
}

TEST_CASE("A partition that comes back goes on where the group is") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 1, 6);
  ConsumerGroup group(*broker, "g", {.batch = {.max_records = 2}});
  const auto first = group.Join({"t"}).value();
  CHECK(first->Poll({})->size() == 2);
  {
    const auto second = group.Join({"t"}).value();
    REQUIRE(first->Commit().ok());
    CHECK(second->Poll({})->size() == 2);
    REQUIRE(second->Commit().ok());
  }
  CHECK(Drain(*first) == Lines{"4", "5"});
}

TEST_CASE("A member that did not poll is lost: it is told, and joins again as a new one") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 2);
  broker.SendMany("t", 1, 2);
  ConsumerGroup group(*broker, "g");
  Diary diary;
  const auto first = group.Join({"t"}, {.listener = diary.Listener()}).value();
  const auto second = group.Join({"t"}).value();
  CHECK(Drain(*first).size() == 2);
  CHECK(Drain(*second).size() == 2);
  REQUIRE(second->Commit().ok());
  const std::string old_id = first->member_id();
  broker.clock().Advance(std::chrono::minutes(4));
  CHECK(Drain(*second).empty());
  broker.clock().Advance(std::chrono::minutes(1));
  CHECK(Drain(*second).size() == 2);  // what the first had and did not commit
  CHECK(second->Assignment().size() == 2);
  diary.Take();
  CHECK(absl::IsAborted(first->Commit()));
  CHECK(diary.Take().empty());
  CHECK(Drain(*first).empty());
  CHECK(diary.Take() == Lines{"!t-0"});
  CHECK(first->member_id() != old_id);
  CHECK(Drain(*second).empty());
  CHECK(Drain(*first).empty());
  CHECK(diary.Take() == Lines{"+t-1"});
  CHECK(first->Commit().ok());
}

TEST_CASE("A member alone that polls too late is lost all the same, and reads again") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  Diary diary;
  const auto consumer = ConsumerGroup(*broker, "g", {.max_poll_interval = std::chrono::seconds(10)})
                            .Join({"t"}, {.listener = diary.Listener()})
                            .value();
  CHECK(Drain(*consumer).size() == 3);
  broker.clock().Advance(std::chrono::seconds(9));
  CHECK(Drain(*consumer).empty());
  broker.clock().Set(Timestamp());  // the wall clock is nothing to it
  CHECK(Drain(*consumer).empty());
  broker.clock().Advance(std::chrono::seconds(10));
  CHECK(Drain(*consumer).size() == 3);
  CHECK(diary.Take() == Lines{"+t-0", "!t-0", "+t-0"});
  broker.clock().Advance(std::chrono::seconds(10));
  CHECK(absl::IsAborted(consumer->Commit()));
}

TEST_CASE("A static member comes back without a rebalance, and fences who still is there") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 4});
  ConsumerGroup group(*broker, "g");
  const auto join = [&](Diary& diary) {
    return group.Join({"t"}, {.instance_id = "one", .listener = diary.Listener()}).value();
  };
  Diary diary;
  auto first = join(diary);
  const auto other = group.Join({"t"}, {.instance_id = "two"}).value();
  const auto had = Settled(*first);
  CHECK(had.size() == 2);
  CHECK(Settled(*other).size() == 2);
  const auto generation = [&] { return Admin(*broker).DescribeGroup("g").value().generation; };
  const std::int64_t before = generation();
  diary.Take();
  first.reset();
  CHECK(diary.Take().empty());
  CHECK(Settled(*other).size() == 2);
  first = join(diary);
  CHECK(Settled(*first) == had);
  CHECK(generation() == before);
  // Another one takes the place while the first is still there.
  Diary newer_diary;
  const auto newer = join(newer_diary);
  CHECK(Settled(*newer) == had);
  CHECK(generation() == before);
  diary.Take();
  CHECK(absl::IsAborted(first->Commit({{had[0], {.offset = Offset(0)}}})));
  CHECK(diary.Take().size() == 2);  // lost
  CHECK(absl::IsAborted(first->Poll({}).status()));
  CHECK(absl::IsAborted(first->Seek(had[0], Offset(0))));
  CHECK(first->Leave().ok());
  first.reset();
  CHECK(Settled(*newer) == had);
  REQUIRE(newer->Leave().ok());
  CHECK(Settled(*other).size() == 4);
}

TEST_CASE("A static member that stays away loses its place") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  ConsumerGroup group(*broker, "g");
  auto first = group.Join({"t"}, {.instance_id = "one"}).value();
  const auto other = group.Join({"t"}).value();
  Settled(*first);
  CHECK(Settled(*other).size() == 1);
  first.reset();
  broker.clock().Advance(std::chrono::minutes(4));
  CHECK(Settled(*other).size() == 1);
  broker.clock().Advance(std::chrono::minutes(1));
  CHECK(Settled(*other).size() == 2);
}

TEST_CASE("Partitions of a topic that is deleted are lost") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  broker.MakeTopic("b");
  Diary diary;
  const auto consumer =
      ConsumerGroup(*broker, "g").Join({"a", "b"}, {.listener = diary.Listener()}).value();
  Settled(*consumer);
  diary.Take();
  REQUIRE(broker->DeleteTopic("a").ok());
  CHECK(Settled(*consumer).size() == 1);
  CHECK(diary.Take() == Lines{"!a-0"});
}

}  // namespace daybook
