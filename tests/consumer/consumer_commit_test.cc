#include "catch.h"
#include "daybook/admin.h"
#include "daybook/transaction.h"
#include "support/group_fixture.h"

// How a member commits: src/consumer/consumer_commit.cc.

namespace daybook {

TEST_CASE("A commit after the partition went to another member is aborted") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 1, 3);
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"t"}).value();
  CHECK(Drain(*first).size() == 3);
  const auto second = group.Join({"t"}).value();
  // The commit still covers what was read: the partition moves only after it.
  CHECK(first->Commit().ok());
  CHECK(first->Assignment().size() == 1);
  CHECK(Drain(*second).empty());
  CHECK(first->Committed({"t", 1}).value().offset == Offset(3));
}

TEST_CASE("A commit of chosen places stores them, with what is said beside") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 5);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 5);
  const TopicPartition first{"t", 0};
  REQUIRE(consumer->Commit({{first, {.offset = Offset(2), .metadata = "a b"}}}).ok());
  CHECK(consumer->Committed(first).value() == CommittedOffset{Offset(2), "a b"});
  CHECK(absl::IsNotFound(consumer->Committed({"t", 1}).status()));
  CHECK(consumer->Position(first).value() == Offset(5));
  REQUIRE(consumer->Commit({{first, {.offset = Offset(2), .metadata = "anew"}}}).ok());
  CHECK(consumer->Committed(first).value().metadata == "anew");
  REQUIRE(consumer->Commit().ok());
  CHECK(consumer->Committed(first).value() == CommittedOffset{Offset(5), ""});
  CHECK(absl::IsAborted(consumer->Commit({{{"t", 7}, {.offset = Offset(0)}}})));
}

TEST_CASE("A commit goes back as well, and never past the end") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 5);
  broker.SendMany("t", 1, 5);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 10);
  const TopicPartition first{"t", 0};
  REQUIRE(consumer->Commit({{first, {.offset = Offset(4)}}}).ok());
  REQUIRE(consumer->Commit({{first, {.offset = Offset(1)}}}).ok());
  CHECK(consumer->Committed(first).value().offset == Offset(1));
  REQUIRE(consumer->Commit().ok());
  CHECK(consumer->Committed(first).value().offset == Offset(5));
  REQUIRE(consumer->Seek(first, Offset(2)).ok());
  REQUIRE(consumer->Commit().ok());
  CHECK(consumer->Committed(first).value().offset == Offset(2));
  REQUIRE(consumer->Commit({{first, {.offset = Offset(4)}}}).ok());
  CHECK(absl::IsInvalidArgument(consumer->Commit({{first, {.offset = Offset(6)}}})));
  CHECK(absl::IsInvalidArgument(consumer->Commit({{first, {.offset = Offset(-1)}}})));
  REQUIRE(consumer->Seek(first, Offset(6)).ok());
  REQUIRE(consumer->Seek({"t", 1}, Offset(3)).ok());
  CHECK(absl::IsInvalidArgument(consumer->Commit()));
  CHECK(consumer->Committed(first).value().offset == Offset(4));
  CHECK(consumer->Committed({"t", 1}).value().offset == Offset(3));
}

TEST_CASE("A replay that was committed half-way is resumed there, by a later member, too") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 6);
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 6);
    REQUIRE(consumer->Commit().ok());
    REQUIRE(consumer->SeekToBeginning().ok());
    REQUIRE(consumer->Commit().ok());
    CHECK(consumer->Committed({"t", 0}).value().offset == Offset(0));
    CHECK(Drain(*consumer).size() == 6);
    REQUIRE(consumer->Commit({{{"t", 0}, {.offset = Offset(2)}}}).ok());
    REQUIRE(consumer->SeekToCommitted().ok());
    CHECK(consumer->Position({"t", 0}).value() == Offset(2));
  }
  broker.Kill();
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(Drain(*consumer) == std::vector<std::string>{"2", "3", "4", "5"});
}

TEST_CASE("A commit after a transaction has moved the place goes where the member stands") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 6);
  const auto consumer =
      ConsumerGroup(*broker, "g", {.batch = {.max_records = 3}}).Join({"t"}).value();
  CHECK(consumer->Poll({})->size() == 3);
  REQUIRE(consumer->Commit().ok());
  CHECK(consumer->Poll({})->size() == 3);
  auto transaction = Transaction::Begin(*broker).value();
  REQUIRE(transaction.AddOffsets(*consumer).ok());
  REQUIRE(transaction.Commit().ok());
  CHECK(consumer->Committed({"t", 0}).value().offset == Offset(6));
  REQUIRE(consumer->Seek({"t", 0}, Offset(3)).ok());
  REQUIRE(consumer->Commit().ok());
  CHECK(consumer->Committed({"t", 0}).value().offset == Offset(3));
}

TEST_CASE("At most once: what Poll returns is committed, and not returned if that fails") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 6);
  const GroupOptions options{.batch = {.max_records = 2}, .guarantee = Guarantee::kAtMostOnce};
  {
    const auto consumer = ConsumerGroup(*broker, "g", options).Join({"t"}).value();
    CHECK(consumer->Poll({})->size() == 2);
    CHECK(consumer->Committed({"t", 0}).value().offset == Offset(2));
    broker.disk().SetCapacity(0);
    absl::Status status;
    std::size_t seen = 2;
    while (status.ok() && seen < 6) {
      const auto batch = consumer->Poll({});
      status = batch.status();
      if (batch.ok()) seen += batch->size();
    }
    const auto committed = consumer->Committed({"t", 0}).value().offset;
    CHECK(committed == Offset(static_cast<std::int64_t>(seen)));
    CHECK(consumer->Position({"t", 0}).value() == committed);
  }
  broker.disk().SetCapacity(1 << 30);
  broker.SendMany("t", 0, 1);
  // A member that dies with what it was given: that is not delivered again.
  const auto first = ConsumerGroup(*broker, "g", options).Join({"t"}).value();
  Drain(*first);
  broker.clock().Advance(std::chrono::minutes(5));
  CHECK(Drain(*ConsumerGroup(*broker, "g", options).Join({"t"}).value()).empty());
  broker.SendMany("t", 0, 1);
  CHECK(Drain(*first).size() <= 1);
}

TEST_CASE("Exactly once: a commit is refused, the positions go to a transaction") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  const auto consumer =
      ConsumerGroup(*broker, "g", {.guarantee = Guarantee::kExactlyOnce}).Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 3);
  const auto status = consumer->Commit();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("Transaction") != absl::string_view::npos);
  CHECK(absl::IsFailedPrecondition(consumer->Commit({{{"t", 0}, {.offset = Offset(1)}}})));
  const GroupOffsets positions = consumer->Positions();
  CHECK(positions.group == "g");
  CHECK(positions.member_id == consumer->member_id());
  REQUIRE(positions.offsets.size() == 2);
  CHECK(positions.offsets.at({"t", 0}).offset == Offset(3));
  CHECK(positions.offsets.at({"t", 1}).offset == Offset(0));
}

TEST_CASE("The places of a member that commits and gets nothing new do not expire") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 1);
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 1);
    REQUIRE(consumer->Commit().ok());
    for (int i = 0; i < 60; ++i) {
      broker.clock().Advance(std::chrono::minutes(2));
      CHECK(Drain(*consumer).empty());
      REQUIRE(consumer->Commit().ok());
    }
  }
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(1)).value() == 0);
  broker.clock().Advance(std::chrono::hours(2));
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(1)).value() == 1);
}

}  // namespace daybook
