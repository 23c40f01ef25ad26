#include <map>

#include "catch.h"
#include "support/group_fixture.h"

// Where a member stands, and how that is moved: src/consumer/consumer_positions.cc.

namespace daybook {

TEST_CASE("Seek moves a position, and only of what is assigned") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(absl::IsFailedPrecondition(consumer->Seek({"t", 0}, Offset(7))));  // not yet polled
  CHECK(Drain(*consumer).size() == 10);
  REQUIRE(consumer->Seek({"t", 0}, Offset(7)).ok());
  CHECK(consumer->Position({"t", 0}).value() == Offset(7));
  CHECK(Drain(*consumer) == std::vector<std::string>{"7", "8", "9"});
  CHECK(absl::IsFailedPrecondition(consumer->Seek({"t", 1}, Offset(0))));
  CHECK(absl::IsInvalidArgument(consumer->Seek({"t", 0}, Offset(-1))));
  CHECK(consumer->Poll({})->empty());
  CHECK(absl::IsNotFound(consumer->Committed({"t", 0}).status()));
}

TEST_CASE("Seeks go to the beginning, the end and a time, of some partitions or of all") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 4);
  broker.SendMany("t", 1, 2);
  broker.clock().Advance(std::chrono::seconds(10));
  const Timestamp later = broker.clock().Now();
  broker.SendMany("t", 0, 3);
  const TopicPartition first{"t", 0};
  const TopicPartition second{"t", 1};
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 9);
  const auto positions = [&] {
    return std::pair(consumer->Position(first).value().value(),
                     consumer->Position(second).value().value());
  };
  REQUIRE(consumer->SeekToBeginning({first}).ok());
  CHECK(positions() == std::pair<std::int64_t, std::int64_t>(0, 2));
  CHECK(consumer->Lag(first).value() == 7);
  CHECK(consumer->Lag(second).value() == 0);
  REQUIRE(consumer->SeekToTime(later).ok());
  CHECK(positions() == std::pair<std::int64_t, std::int64_t>(4, 2));
  CHECK(Drain(*consumer).size() == 3);
  REQUIRE(consumer->SeekToBeginning().ok());
  CHECK(positions() == std::pair<std::int64_t, std::int64_t>(0, 0));
  REQUIRE(consumer->SeekToEnd({second}).ok());
  CHECK(positions() == std::pair<std::int64_t, std::int64_t>(0, 2));
  REQUIRE(consumer->SeekToEnd().ok());
  CHECK(Drain(*consumer).empty());
  // One that is not assigned: then none moves.
  CHECK(absl::IsFailedPrecondition(consumer->SeekToBeginning({first, {"t", 2}})));
  CHECK(positions() == std::pair<std::int64_t, std::int64_t>(7, 2));
  CHECK(absl::IsFailedPrecondition(consumer->Lag({"t", 2}).status()));
}

TEST_CASE("Offsets of any partitions are told, and no position moves") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.MakeTopic("u");
  broker.SendMany("t", 0, 4);
  broker.clock().Advance(std::chrono::seconds(10));
  const Timestamp later = broker.clock().Now();
  broker.SendMany("t", 0, 3);
  broker.SendMany("u", 0, 2);
  const TopicPartition first{"t", 0};
  const TopicPartition second{"t", 1};
  const TopicPartition other{"u", 0};
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 7);
  using Offsets = std::map<TopicPartition, Offset>;
  CHECK(consumer->BeginningOffsets({first, other}).value() ==
        Offsets{{first, Offset(0)}, {other, Offset(0)}});
  CHECK(consumer->EndOffsets({first, second, other}).value() ==
        Offsets{{first, Offset(7)}, {second, Offset(0)}, {other, Offset(2)}});
  CHECK(consumer->OffsetsForTimes({{first, later}, {other, later}}).value() ==
        Offsets{{first, Offset(4)}, {other, Offset(0)}});
  CHECK(consumer->OffsetsForTimes({{first, later + std::chrono::seconds(1)}}).value() ==
        Offsets{{first, Offset(7)}});
  CHECK(consumer->EndOffsets({}).value().empty());
  CHECK(consumer->Position(first).value() == Offset(7));
  CHECK(absl::IsNotFound(consumer->EndOffsets({first, {"t", 2}}).status()));
  CHECK(absl::IsNotFound(consumer->EndOffsets({{"t", -1}}).status()));
  CHECK(absl::IsNotFound(consumer->OffsetsForTimes({{{"v", 0}, later}}).status()));
}

TEST_CASE("The group's places in many partitions are told at once, without those that have none") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  broker.SendMany("t", 0, 4);
  broker.SendMany("t", 1, 2);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 6);
  const CommittedOffset place{.offset = Offset(3), .metadata = "half"};
  REQUIRE(consumer->Commit({{{"t", 0}, place}, {{"t", 1}, {.offset = Offset(2)}}}).ok());
  const auto committed = consumer->CommittedOffsets({{"t", 0}, {"t", 1}, {"t", 2}}).value();
  CHECK(committed == std::map<TopicPartition, CommittedOffset>{{{"t", 0}, place},
                                                               {{"t", 1}, {.offset = Offset(2)}}});
}

TEST_CASE("A seek behind the end is an error of Poll until another one") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 2);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 2);
  REQUIRE(consumer->Seek({"t", 0}, Offset(3)).ok());
  CHECK(absl::IsOutOfRange(consumer->Poll({}).status()));
  REQUIRE(consumer->Seek({"t", 0}, Offset(1)).ok());
  CHECK(Drain(*consumer).size() == 1);
}

TEST_CASE("SeekToCommitted takes back what was polled since the last commit, in all partitions") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 3);
  REQUIRE(consumer->Commit().ok());
  broker.SendMany("t", 0, 2);
  broker.SendMany("t", 1, 4);
  CHECK(Drain(*consumer).size() == 6);
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(consumer->Position({"t", 0}).value() == Offset(3));
  CHECK(consumer->Position({"t", 1}).value() == Offset(0));
  CHECK(Drain(*consumer).size() == 6);
  REQUIRE(consumer->SeekToBeginning().ok());
  REQUIRE(consumer->SeekToCommitted().ok());  // forward as well
  CHECK(Drain(*consumer).size() == 6);
  REQUIRE(consumer->Leave().ok());
  CHECK(absl::IsFailedPrecondition(consumer->SeekToCommitted()));
}

TEST_CASE("SeekToCommitted at kLatest goes to where the member began, not past what it polled") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  const auto consumer =
      ConsumerGroup(*broker, "g", {.offset_reset = OffsetReset::kLatest}).Join({"t"}).value();
  CHECK(Drain(*consumer).empty());
  broker.SendMany("t", 0, 2);
  CHECK(Drain(*consumer).size() == 2);
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(consumer->Position({"t", 0}).value() == Offset(3));
  CHECK(Drain(*consumer).size() == 2);
}

TEST_CASE("SeekToCommitted at kNone leaves a partition without a place, until the next Seek") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  const auto consumer =
      ConsumerGroup(*broker, "g", {.offset_reset = OffsetReset::kNone}).Join({"t"}).value();
  CHECK(absl::IsOutOfRange(consumer->Poll({}).status()));
  REQUIRE(consumer->Seek({"t", 0}, Offset(1)).ok());
  CHECK(Drain(*consumer).size() == 2);
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(absl::IsOutOfRange(consumer->Poll({}).status()));
  REQUIRE(consumer->Seek({"t", 0}, Offset(1)).ok());
  CHECK(Drain(*consumer).size() == 2);
  REQUIRE(consumer->Commit().ok());
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(Drain(*consumer).empty());
}

}  // namespace daybook
