#include "daybook/transaction.h"

#include "broker/broker_core.h"
#include "catch.h"
#include "support/transaction_fixture.h"

namespace daybook {

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
