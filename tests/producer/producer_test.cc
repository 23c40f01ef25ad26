#include "daybook/producer.h"

#include <atomic>
#include <map>
#include <memory>

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("Records without a key go round, those with one keep to their partition") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  Producer producer(*broker);
  std::map<int, int> counts;
  for (int i = 0; i < 9; ++i) ++counts[producer.Send("t", RecordOf("v"))->partition()];
  CHECK(counts == std::map<int, int>{{0, 3}, {1, 3}, {2, 3}});
  for (int i = 0; i < 5; ++i) {
    CHECK(producer.Send("t", RecordOf("LAS", "v"))->partition() ==
          Producer::PartitionForKey("LAS", 3));
  }
}

TEST_CASE("A partition that is named overrides the key, and must be there") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  Producer producer(*broker);
  Record record = RecordOf("key", "v");
  for (int id = 0; id < 3; ++id) {
    record.partition = id;
    CHECK(producer.Send("t", record)->partition() == id);
  }
  for (const int bad : {-1, 3}) {
    record.partition = bad;
    CHECK(absl::IsInvalidArgument(producer.Send("t", record).status()));
  }
  CHECK(absl::IsNotFound(producer.Send("u", record).status()));
}

TEST_CASE("Headers, timestamps and tombstones arrive as they were sent") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  Producer producer(*broker);
  const std::vector<Header> headers = {{"trace", "42"}};
  Record record = RecordOf("k", "v");
  record.headers = headers;
  record.timestamp = Timestamp(std::chrono::seconds(7));
  REQUIRE(producer.Send("t", record).ok());
  record.value.reset();
  record.timestamp.reset();
  REQUIRE(producer.Send("t", record).ok());
  const auto batch = topic.partition(0).Read(Offset(0)).value();
  auto at = batch.begin();
  CHECK(at->timestamp == Timestamp(std::chrono::seconds(7)));
  CHECK(at->append_time == broker.clock().Now());
  CHECK(at->headers.Last("trace") == "42");
  ++at;
  CHECK(at->is_tombstone());
  CHECK(at->timestamp == broker.clock().Now());
}

TEST_CASE("At kProcess a callback runs before the send returns") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Producer producer(*broker);
  int told = 0;
  const auto receipt =
      producer.SendAsync("t", RecordOf("v"), [&](const absl::Status& status, const Receipt& where) {
        CHECK(status.ok());
        CHECK(where.offset() == Offset(0));
        ++told;
      });
  CHECK(told == 1);
  CHECK(receipt->offset() == Offset(0));
}

TEST_CASE("At kDisk callbacks run once the records are durable, one sync for all") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  Producer producer(*broker);
  int told = 0;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(producer
                .SendAsync(topic, RecordOf("v"),
                           [&](const absl::Status& status, const Receipt&) { told += status.ok(); })
                .ok());
  }
  CHECK(told == 0);
  int syncs = 0;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    syncs += operation == SimulatedFileSystem::Operation::kSync;
    return absl::OkStatus();
  });
  REQUIRE(producer.Flush().ok());
  CHECK(told == 100);
  CHECK(syncs == 1);
  CHECK(topic.partition(0).durable_offset().value() == Offset(100));
}

TEST_CASE("A receipt can be waited on") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  Producer producer(*broker);
  const auto receipt = producer.Send(topic, RecordOf("v"));
  CHECK(topic.partition(0).durable_offset().value() == Offset(0));
  REQUIRE(receipt->WaitDurable().ok());
  CHECK(topic.partition(0).durable_offset().value() == Offset(1));
}

TEST_CASE("The bound on sends in flight makes room by syncing") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  std::int64_t told = 0;  // the producer's destructor flushes, so this must outlive it
  Producer producer(*broker, {.max_in_flight = 10});
  for (std::int64_t i = 0; i < 100; ++i) {
    REQUIRE(
        producer
            .SendAsync(topic, RecordOf("v"), [&](const absl::Status&, const Receipt&) { ++told; })
            .ok());
    CHECK(i + 1 - told <= 10);
  }
}

TEST_CASE("A disk that fails is told to the callback and to Flush") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  Producer producer(*broker);
  absl::Status told;
  REQUIRE(producer
              .SendAsync(topic, RecordOf("v"),
                         [&](const absl::Status& status, const Receipt&) { told = status; })
              .ok());
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("broken")
                                                              : absl::OkStatus();
  });
  CHECK(absl::IsDataLoss(producer.Flush()));
  CHECK(absl::IsDataLoss(told));
  CHECK(absl::IsFailedPrecondition(producer.Send(topic, RecordOf("w")).status()));
}

TEST_CASE("With its own thread the broker acknowledges without being asked") {
  SimulatedFileSystem disk;
  BrokerOptions options;
  options.file_system = &disk;
  const auto broker = Broker::Open("/data", options).value();
  REQUIRE(broker->CreateTopic("t", {.durability = Durability::kDisk}).ok());
  std::atomic<int> told{0};
  Producer producer(*broker);
  REQUIRE(producer
              .SendAsync("t", RecordOf("v"),
                         [&](const absl::Status& status, const Receipt&) { told += status.ok(); })
              .ok());
  REQUIRE(producer.Flush().ok());
  CHECK(told == 1);
}

TEST_CASE("At kInterval the background sync makes records durable") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kInterval});
  auto producer = std::make_unique<Producer>(*broker);
  REQUIRE(producer->Send(topic, RecordOf("v")).ok());
  CHECK(topic.partition(0).durable_offset().value() == Offset(0));
  REQUIRE(broker->RunBackgroundWork().ok());
  CHECK(topic.partition(0).durable_offset().value() == Offset(1));
  REQUIRE(producer->Send(topic, RecordOf("w")).ok());
  producer.reset();
  REQUIRE(broker->Close().ok());  // syncs what was promised
  broker.CutPower(1);
  CHECK(broker.Values("t").size() == 2);
}

TEST_CASE("With linger, sends are told of when their batch is appended") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  Producer producer(*broker, {.linger = std::chrono::hours(1)});
  std::vector<Offset> told;
  const auto note = [&](const absl::Status& status, const Receipt& where) {
    CHECK(status.ok());
    told.push_back(where.offset());
  };
  for (int i = 0; i < 3; ++i) REQUIRE(producer.SendAsync("t", RecordOf("v"), note).ok());
  CHECK(told.empty());
  REQUIRE(producer.Flush().ok());
  CHECK(told == std::vector<Offset>{Offset(0), Offset(1), Offset(2)});
  CHECK(topic.partition(0).end_offset().value() == Offset(3));
}

TEST_CASE("A send that waits comes after those that were gathered before it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Producer producer(*broker, {.linger = std::chrono::hours(1)});
  REQUIRE(producer.SendAsync("t", RecordOf("first")).ok());
  CHECK(producer.Send("t", RecordOf("second"))->offset() == Offset(1));
}

TEST_CASE("At kDisk gathered sends are told of when they are durable, one sync for all") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  int told = 0;
  {
    Producer producer(*broker, {.linger = std::chrono::hours(1)});
    for (int i = 0; i < 10; ++i) {
      REQUIRE(producer
                  .SendAsync("t", RecordOf("v"),
                             [&](const absl::Status& status, const Receipt&) {
                               CHECK(status.ok());
                               CHECK(topic.partition(0).durable_offset().value() == Offset(10));
                               ++told;
                             })
                  .ok());
    }
  }
  CHECK(told == 10);  // the destructor has waited
}

TEST_CASE("A gathered send that fails is told so, and Flush as well") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Producer producer(*broker, {.linger = std::chrono::hours(1)});
  absl::Status told;
  REQUIRE(producer
              .SendAsync("t", RecordOf("v"),
                         [&](const absl::Status& status, const Receipt&) { told = status; })
              .ok());
  REQUIRE(broker->DeleteTopic("t").ok());
  CHECK(absl::IsNotFound(producer.Flush()));
  CHECK(absl::IsNotFound(told));
}

TEST_CASE("With linger, a record that is too large is refused at once and none is lost") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.max_record_bytes = 1000});
  Producer producer(*broker, {.linger = std::chrono::hours(1)});
  REQUIRE(producer.SendAsync("t", RecordOf("before")).ok());
  CHECK(
      absl::IsInvalidArgument(producer.SendAsync("t", RecordOf(std::string(2000, 'x'))).status()));
  REQUIRE(producer.SendAsync("t", RecordOf("after")).ok());
  REQUIRE(producer.Flush().ok());
  CHECK(topic.partition(0).end_offset().value() == Offset(2));
}

TEST_CASE("More sends than may be in flight hand over what is gathered") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  Producer producer(*broker, {.max_in_flight = 10, .linger = std::chrono::hours(1)});
  for (int i = 0; i < 35; ++i) REQUIRE(producer.SendAsync("t", RecordOf("v")).ok());
  CHECK(topic.partition(0).end_offset().value() == Offset(30));
}

TEST_CASE("A record that is sent again after a crash is answered with its first offset") {
  for (const Durability durability : {Durability::kProcess, Durability::kDisk}) {
    BrokerFixture broker;
    broker.MakeTopic("t", {.partitions = 3, .durability = durability});
    std::vector<Offset> offsets;
    for (int round = 0; round < 3; ++round) {
      {
        Producer producer(*broker, {.name = "importer"});
        for (int line = 0; line < 20; ++line) {
          const std::string key = "key " + std::to_string(line % 5);
          const std::string value = std::to_string(line);
          const auto receipt = producer.SendOnce("t", RecordOf(key, value), line);
          INFO(receipt.status());
          REQUIRE(receipt.ok());
          if (round == 0) offsets.push_back(receipt->offset());
          CHECK(receipt->offset() == offsets[static_cast<std::size_t>(line)]);
        }
        const int partition = Producer::PartitionForKey("key 4", 3);
        CHECK(producer.LastSequence("t", partition).value() == 19);
        Producer other(*broker, {.name = "other"});
        CHECK(other.LastSequence("t", partition).value() == std::nullopt);
      }
      CHECK(broker.Values("t").size() == 20);
      if (durability == Durability::kDisk) broker.CutPower(static_cast<unsigned>(round));
      if (durability == Durability::kProcess) broker.Kill();
    }
  }
}

TEST_CASE("What cannot be sent once says why") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  Producer unnamed(*broker);
  CHECK(absl::IsInvalidArgument(unnamed.SendOnce("t", RecordOf("k", "v"), 0).status()));
  CHECK(absl::IsInvalidArgument(unnamed.LastSequence("t", 0).status()));
  Producer producer(*broker, {.name = "importer"});
  CHECK(absl::IsInvalidArgument(producer.SendOnce("t", RecordOf("v"), 0).status()));
  CHECK(absl::IsInvalidArgument(producer.SendOnce("t", RecordOf("k", "v"), -1).status()));
  CHECK(absl::IsNotFound(producer.SendOnce("u", RecordOf("k", "v"), 0).status()));
  CHECK(absl::IsInvalidArgument(producer.LastSequence("t", 2).status()));
  REQUIRE(producer.SendOnce("t", RecordOf("k", "v"), 10).ok());
  CHECK(absl::IsOutOfRange(producer.SendOnce("t", RecordOf("k", "v"), 5).status()));
  CHECK(broker.Values("t").size() == 1);
}

}  // namespace daybook
