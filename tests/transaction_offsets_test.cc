#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/consumer_group.h"
#include "daybook/transaction.h"
#include "support/transaction_fixture.h"

// A transaction that moves the places of a group: what it takes of a consumer, and what becomes of
// them.

namespace daybook {
namespace {

std::unique_ptr<Consumer> Join(BrokerFixture& broker, GroupOptions options = {}) {
  auto consumer = ConsumerGroup(*broker, "group", std::move(options)).Join({"in"});
  INFO(consumer.status());
  REQUIRE(consumer.ok());
  return *std::move(consumer);
}

}  // namespace

TEST_CASE("The group's places move with the records or not at all") {
  BrokerFixture broker;
  broker.MakeTopic("in", {.partitions = 2});
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 3);
  broker.SendMany("in", 1, 4);
  auto consumer = Join(broker, {.guarantee = Guarantee::kExactlyOnce});
  for (int round = 0; round < 2; ++round) {
    Transaction transaction = Begin(broker);
    const auto batch = consumer->Poll({}).value();
    REQUIRE_FALSE(batch.empty());
    for (const RecordView& record : batch) {
      REQUIRE(transaction.Send("out", RecordOf(record.value)).ok());
    }
    REQUIRE(transaction.AddOffsets(*consumer).ok());
    REQUIRE(transaction.Commit().ok());
    const auto place = consumer->Committed({"in", batch.partition()});
    INFO(place.status());
    REQUIRE(place.ok());
    CHECK(place->offset == batch.next_offset());
  }
  CHECK(broker.Values("out").size() == 7);
  consumer.reset();
  broker.Kill();
  CHECK(broker.Values("out").size() == 7);
  CHECK(Join(broker)->Poll({})->empty());
}

TEST_CASE("A place in a memory topic ends with the process, also if a transaction committed it") {
  BrokerFixture broker;
  broker.MakeTopic("in", {.storage = Storage::kMemory});
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 50);
  {
    auto consumer = Join(broker, {.guarantee = Guarantee::kExactlyOnce});
    Transaction transaction = Begin(broker);
    REQUIRE(consumer->Poll({}).value().size() == 50);
    REQUIRE(transaction.Send("out", RecordOf("x")).ok());
    REQUIRE(transaction.AddOffsets(*consumer).ok());
    REQUIRE(transaction.Commit().ok());
    CHECK(consumer->Committed({"in", 0})->offset == Offset(50));
  }
  broker.Kill();
  CHECK(broker.Values("out").size() == 1);
  broker.SendMany("in", 0, 60);
  CHECK(Join(broker)->Poll({}).value().size() == 60);
}

TEST_CASE("A batch that was handled in part is committed in part, with metadata") {
  BrokerFixture broker;
  broker.MakeTopic("in", {.partitions = 2});
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 5);
  const TopicPartition first{"in", 0};
  const auto consumer = Join(broker, {.guarantee = Guarantee::kExactlyOnce});
  {
    const auto batch = consumer->Poll({}).value();
    REQUIRE(batch.size() == 5);
    Transaction transaction = Begin(broker);
    GroupOffsets done = consumer->Positions();
    REQUIRE(transaction.Send("out", RecordOf(batch.begin()->value)).ok());
    done.offsets[first] = {.offset = batch.begin()->offset + 1, .metadata = "one"};
    done.offsets.erase({"in", 1});
    REQUIRE(transaction.AddOffsets(done).ok());
    REQUIRE(transaction.Commit().ok());
  }
  CHECK(consumer->Committed(first).value() == CommittedOffset{Offset(1), "one"});
  CHECK(absl::IsNotFound(consumer->Committed({"in", 1}).status()));
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(consumer->Poll({})->begin_offset() == Offset(1));
  broker.Kill();
  CHECK(Join(broker)->Committed(first).value() == CommittedOffset{Offset(1), "one"});
}

TEST_CASE("A transaction takes no places past the end, below 0, or of nobody") {
  BrokerFixture broker;
  broker.MakeTopic("in");
  broker.SendMany("in", 0, 5);
  const auto consumer = Join(broker, {.guarantee = Guarantee::kExactlyOnce});
  REQUIRE(consumer->Poll({})->size() == 5);
  Transaction transaction = Begin(broker);
  GroupOffsets offsets = consumer->Positions();
  for (const Offset offset : {Offset(6), Offset(-1)}) {
    offsets.offsets[{"in", 0}].offset = offset;
    CHECK(absl::IsInvalidArgument(transaction.AddOffsets(offsets)));
  }
  REQUIRE(consumer->Seek({"in", 0}, Offset(6)).ok());
  CHECK(absl::IsInvalidArgument(transaction.AddOffsets(*consumer)));
  REQUIRE(transaction.Commit().ok());  // none was added
  CHECK(absl::IsNotFound(consumer->Committed({"in", 0}).status()));
  // What is not taken from a consumer belongs to no assignment.
  Transaction made_up = Begin(broker);
  REQUIRE(made_up
              .AddOffsets({.group = "group",
                           .member_id = consumer->member_id(),
                           .offsets = {{{"in", 0}, {.offset = Offset(2)}}}})
              .ok());
  CHECK(absl::IsAborted(made_up.Commit()));
}

TEST_CASE("A transaction goes back when its consumer did, and never over a partition's time away") {
  BrokerFixture broker;
  broker.MakeTopic("in", {.partitions = 2});
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 4);
  broker.SendMany("in", 1, 4);
  const GroupOptions options{.batch = {.max_records = 2}, .guarantee = Guarantee::kExactlyOnce};
  const auto first = Join(broker, options);
  const auto commit = [&](Consumer& consumer) {
    Transaction transaction = Begin(broker);
    REQUIRE(transaction.AddOffsets(consumer).ok());
    return transaction.Commit();
  };
  for (int i = 0; i < 4; ++i) REQUIRE(first->Poll({})->size() == 2);
  REQUIRE(commit(*first).ok());
  REQUIRE(first->Seek({"in", 0}, Offset(1)).ok());
  REQUIRE(commit(*first).ok());
  CHECK(first->Committed({"in", 0}).value().offset == Offset(1));

  // Results of [1, 3) of partition 0, say, are in `late` when that partition goes and comes back.
  REQUIRE(first->Poll({})->size() == 2);
  Transaction late = Begin(broker);
  REQUIRE(late.Send("out", RecordOf("twice")).ok());
  REQUIRE(late.AddOffsets(*first).ok());
  REQUIRE(first->SeekToCommitted().ok());
  auto second = Join(broker, options);
  while (first->Assignment().size() == 2) REQUIRE(first->Poll({}).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(second->Poll({}).ok());
  REQUIRE(second->Assignment().size() == 1);
  REQUIRE(commit(*second).ok());
  const TopicPartition moved = second->Assignment()[0];
  const Offset place = second->Committed(moved).value().offset;
  REQUIRE(second->Leave().ok());
  REQUIRE(first->Poll({}).ok());
  REQUIRE(first->Assignment().size() == 2);
  CHECK(absl::IsAborted(late.Commit()));
  CHECK(broker.Values("out").empty());
  CHECK(first->Committed(moved).value().offset == place);
}

TEST_CASE("Places may be added again after a rebalance that took none of them") {
  BrokerFixture broker;
  broker.MakeTopic("in");
  broker.SendMany("in", 0, 1);
  const auto consumer = Join(broker, {.guarantee = Guarantee::kExactlyOnce});
  REQUIRE(consumer->Poll({})->size() == 1);
  Transaction transaction = Begin(broker);
  REQUIRE(transaction.AddOffsets(*consumer).ok());
  REQUIRE(Admin(*broker).CreatePartitions("in", 2).ok());
  broker.SendMany("in", 1, 3);
  REQUIRE(consumer->Poll({})->size() == 3);
  REQUIRE(transaction.AddOffsets(*consumer).ok());
  REQUIRE(transaction.Commit().ok());
  CHECK(consumer->Committed({"in", 0}).value().offset == Offset(1));
  CHECK(consumer->Committed({"in", 1}).value().offset == Offset(3));
}

TEST_CASE("A member that lost a partition commits nothing, and its successor does") {
  BrokerFixture broker;
  broker.MakeTopic("in");
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 2);
  GroupOptions options;
  options.max_poll_interval = std::chrono::seconds(10);
  const auto slow = Join(broker, options);
  REQUIRE(slow->Poll({})->size() == 2);
  Transaction late = Begin(broker);
  REQUIRE(late.Send("out", RecordOf("slow")).ok());
  REQUIRE(late.AddOffsets(*slow).ok());
  broker.clock().Advance(std::chrono::seconds(11));
  const auto quick = Join(broker, options);
  REQUIRE(quick->Poll({})->size() == 2);
  Transaction transaction = Begin(broker);
  REQUIRE(transaction.Send("out", RecordOf("quick")).ok());
  REQUIRE(transaction.AddOffsets(*quick).ok());
  CHECK(absl::IsAborted(late.Commit()));
  REQUIRE(transaction.Commit().ok());
  CHECK(broker.Values("out") == Strings{"quick"});
}

}  // namespace daybook
