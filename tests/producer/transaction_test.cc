#include "daybook/transaction.h"

#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

Transaction Begin(BrokerFixture& broker, TransactionOptions options = {}) {
  auto transaction = Transaction::Begin(*broker, std::move(options));
  INFO(transaction.status());
  REQUIRE(transaction.ok());
  return *std::move(transaction);
}

std::unique_ptr<Consumer> Join(BrokerFixture& broker, GroupOptions options = {}) {
  auto consumer = ConsumerGroup(*broker, "group", std::move(options)).Join({"in"});
  INFO(consumer.status());
  REQUIRE(consumer.ok());
  return *std::move(consumer);
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Nothing of a transaction is seen before its commit, and all of it after") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 4});
  broker.MakeTopic("b");
  Transaction transaction = Begin(broker);
  for (int i = 0; i < 10; ++i) {
    const std::string key = "key " + std::to_string(i);
    REQUIRE(transaction.Send("a", RecordOf(key, "value")).ok());
  }
  REQUIRE(transaction.Send("b", RecordOf("last")).ok());
  CHECK(transaction.bytes() > 0);
  CHECK(broker.Values("a").empty());
  CHECK(broker->OpenTopic("b")->partition(0).end_offset().value() == Offset(0));
  REQUIRE(transaction.Commit().ok());
  CHECK(broker.Values("a").size() == 10);
  CHECK(broker.Values("b") == Strings{"last"});
}

TEST_CASE("A transaction keeps its own copy of records, with headers, tombstones and times") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  Transaction transaction = Begin(broker);
  {
    std::string text = "name";
    std::string value = "payload";
    const std::vector<Header> headers = {{.name = text, .value = value}, {.name = text}};
    Record record = RecordOf(text, value);
    record.headers = headers;
    record.timestamp = Timestamp(std::chrono::seconds(5));
    REQUIRE(transaction.Send("a", record).ok());
    record.value = std::nullopt;
    REQUIRE(transaction.Send("a", record).ok());
    text.assign("????");
    value.assign("???????");
  }
  REQUIRE(transaction.Commit().ok());
  auto reader = Reader::Open(*broker, "a").value();
  const auto batch = reader.Poll({}).value();
  REQUIRE(batch.size() == 2);
  auto record = batch.begin();
  CHECK(record->key == "name");
  CHECK(record->value == "payload");
  CHECK(record->timestamp == Timestamp(std::chrono::seconds(5)));
  CHECK(record->headers.Last("name") == std::nullopt);
  CHECK((*record->headers.begin()).value == "payload");
  ++record;
  CHECK(record->is_tombstone());
}

TEST_CASE("What is aborted, by name or by leaving it, was never anywhere") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  {
    Transaction transaction = Begin(broker);
    REQUIRE(transaction.Send("a", RecordOf("left")).ok());
  }
  Transaction transaction = Begin(broker);
  REQUIRE(transaction.Send("a", RecordOf("aborted")).ok());
  transaction.Abort();
  CHECK(absl::IsFailedPrecondition(transaction.Send("a", RecordOf("late"))));
  CHECK(absl::IsFailedPrecondition(transaction.Commit()));
  CHECK(broker->OpenTopic("a")->partition(0).end_offset().value() == Offset(0));
}

TEST_CASE("A transaction ends once") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  Transaction transaction = Begin(broker);
  REQUIRE(transaction.Send("a", RecordOf("1")).ok());
  REQUIRE(transaction.Commit().ok());
  CHECK(absl::IsFailedPrecondition(transaction.Commit()));
  CHECK(absl::IsFailedPrecondition(transaction.Send("a", RecordOf("2"))));
  CHECK(broker.Values("a") == Strings{"1"});
  CHECK(Begin(broker).Commit().ok());  // an empty one is nothing
}

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
  REQUIRE(broker->CreatePartitions("in", 2).ok());
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

TEST_CASE("Of two transactions of a name only the later one can commit") {
  BrokerFixture broker;
  broker.MakeTopic("out");
  Transaction zombie = Begin(broker, {.name = "worker"});
  REQUIRE(zombie.Send("out", RecordOf("zombie")).ok());
  Transaction heir = Begin(broker, {.name = "worker"});
  REQUIRE(heir.Send("out", RecordOf("heir")).ok());
  Transaction other = Begin(broker, {.name = "other"});
  REQUIRE(other.Send("out", RecordOf("other")).ok());
  const auto fenced = zombie.Commit();
  CHECK(absl::IsAborted(fenced));
  CHECK(fenced.message().find("worker") != std::string::npos);
  REQUIRE(heir.Commit().ok());
  REQUIRE(other.Commit().ok());
  CHECK(broker.Values("out") == Strings{"heir", "other"});
  broker.Kill();
  CHECK(broker.Values("out") == Strings{"heir", "other"});
}

TEST_CASE("Mistakes are named, and cost the transaction nothing") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 2, .segment_bytes = 64 << 10});
  Transaction transaction = Begin(broker, {.max_bytes = 8 << 10});
  REQUIRE(transaction.Send("a", RecordOf("kept")).ok());
  CHECK(absl::IsNotFound(transaction.Send("b", RecordOf("x"))));
  Record record = RecordOf("x");
  record.partition = 2;
  CHECK(absl::IsInvalidArgument(transaction.Send("a", record)));
  CHECK(absl::IsInvalidArgument(transaction.Send("a", RecordOf(std::string(20 << 10, 'x')))));
  const auto full = transaction.Send("a", RecordOf(std::string(9 << 10, 'x')));
  CHECK(absl::IsResourceExhausted(full));
  CHECK(full.message().find("8192") != std::string::npos);
  REQUIRE(transaction.Commit().ok());
  CHECK(broker.Values("a") == Strings{"kept"});
}

TEST_CASE("A full disk commits nothing of a transaction, and the next one works") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.segment_bytes = 64 << 10});
  broker.MakeTopic("b", {.segment_bytes = 64 << 10});
  broker.Send("a", "k", "before");
  broker.disk().SetCapacity(0);
  absl::Status status;
  int committed = 0;
  while (status.ok() && committed < 1000) {
    Transaction transaction = Begin(broker);
    const std::string value(4000, 'x');
    REQUIRE(transaction.Send("a", RecordOf(value)).ok());
    REQUIRE(transaction.Send("b", RecordOf(value)).ok());
    status = transaction.Commit();
    committed += status.ok();
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(status.message().find("nothing was committed") != std::string::npos);
  broker.disk().SetCapacity(64 << 20);
  Transaction transaction = Begin(broker);
  REQUIRE(transaction.Send("a", RecordOf("after")).ok());
  REQUIRE(transaction.Send("b", RecordOf("after")).ok());
  REQUIRE(transaction.Commit().ok());
  for (int i = 0; i < 2; ++i) {
    CHECK(broker.Values("a").size() == static_cast<std::size_t>(committed) + 2);
    CHECK(broker.Values("b").size() == static_cast<std::size_t>(committed) + 1);
    broker.Kill();
  }
}

TEST_CASE("A commit at kDisk survives every power cut, whatever else is lost") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  broker.MakeTopic("b", {.durability = Durability::kDisk});
  Transaction transaction = Begin(broker);  // as high as the highest of its topics
  REQUIRE(transaction.Send("a", RecordOf("1")).ok());
  REQUIRE(transaction.Send("b", RecordOf("2")).ok());
  REQUIRE(transaction.Commit().ok());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    CHECK(after.Values("a") == Strings{"1"});
    CHECK(after.Values("b") == Strings{"2"});
  }
}

TEST_CASE("A transaction may be larger than a batch of its topic") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.segment_bytes = 64 << 10});
  Transaction transaction = Begin(broker);
  for (int i = 0; i < 100; ++i) {
    const std::string value(4000, static_cast<char>('a' + i % 26));
    REQUIRE(transaction.Send("a", RecordOf(value)).ok());
  }
  REQUIRE(transaction.Commit().ok());
  CHECK(broker.Values("a").size() == 100);
  broker.Kill();
  CHECK(broker.Values("a").size() == 100);
}

TEST_CASE("A follower in another process sees a transaction when its owner has committed it") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  auto reader = Reader::Open(*follower, "a").value();
  for (int i = 0; i < 3; ++i) {
    Transaction transaction = Begin(broker);
    REQUIRE(transaction.Send("a", RecordOf("x")).ok());
    CHECK(reader.Poll({})->empty());
    REQUIRE(transaction.Commit().ok());
    CHECK(reader.Poll({})->size() == 1);
  }
  CHECK(absl::IsFailedPrecondition(Transaction::Begin(*follower).status()));
}

TEST_CASE(
    "A transaction at kInterval has what it wrote synced, whatever the levels of its topics") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 2});
  auto transaction = Transaction::Begin(*broker, {.durability = Durability::kInterval}).value();
  for (int i = 0; i < 2; ++i) {
    Record record = RecordOf("v");
    record.partition = i;
    REQUIRE(transaction.Send(topic, record).ok());
  }
  REQUIRE(transaction.Commit().ok());
  REQUIRE(broker->RunBackgroundWork().ok());
  CHECK(topic.partition(0).durable_offset().value() == Offset(1));
  CHECK(topic.partition(1).durable_offset().value() == Offset(1));
  broker.CutPower(1);
  CHECK(broker.Values("t").size() == 2);
}

TEST_CASE("Options of a transaction that are out of their range are refused") {
  BrokerFixture broker;
  CHECK(absl::IsInvalidArgument(
      Transaction::Begin(*broker, {.durability = static_cast<Durability>(3)}).status()));
  CHECK(absl::IsInvalidArgument(Transaction::Begin(*broker, {.max_bytes = 0}).status()));
}

TEST_CASE("A second thread in a transaction is answered with an error, and adds nothing") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  auto transaction = Transaction::Begin(*broker, {.name = "biller"}).value();
  REQUIRE(transaction.Send(topic, RecordOf("one")).ok());
  std::vector<absl::Status> seen;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
    if (!seen.empty()) return absl::OkStatus();
    std::thread([&] {
      seen.push_back(transaction.Send(topic, RecordOf("two")));
      seen.push_back(transaction.Send("t", RecordOf("two")));
      seen.push_back(transaction.AddOffsets(GroupOffsets{}));
      seen.push_back(transaction.Commit());
    }).join();
    return absl::OkStatus();
  });
  CHECK(transaction.Commit().ok());
  broker.disk().SetHook(nullptr);
  REQUIRE(seen.size() == 4);
  for (const absl::Status& status : seen) {
    INFO(status);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK_THAT(std::string(status.message()), Catch::Matchers::Contains("another thread"));
  }
  CHECK(broker.Values("t") == std::vector<std::string>{"one"});
}

}  // namespace daybook
