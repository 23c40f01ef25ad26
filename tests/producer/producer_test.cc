#include "daybook/producer.h"

#include <atomic>
#include <map>
#include <memory>

#include "catch.h"
#include "daybook/admin.h"
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
    const auto receipt = producer.Send("t", record);
    CHECK(receipt->topic() == "t");
    CHECK(receipt->partition() == id);
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

TEST_CASE("Options of a producer that are out of their range are named by every call") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto check = [&](ProducerOptions options, std::string_view what) {
    options.name = "importer";
    Producer producer(*broker, options);
    const absl::Status answers[] = {producer.Send("t", RecordOf("v")).status(),
                                    producer.SendAsync("t", RecordOf("v")).status(),
                                    producer.SendOnce("t", RecordOf("k", "v"), 0).status(),
                                    producer.LastSequence("t", 0).status(), producer.Flush()};
    for (const absl::Status& answer : answers) {
      CHECK(absl::IsInvalidArgument(answer));
      CHECK(std::string(answer.message()).find(what) != std::string::npos);
    }
  };
  check({.max_in_flight = 0}, "max_in_flight is 0");
  check({.linger = std::chrono::microseconds(-1)}, "linger");
  check({.batch_bytes = -1}, "batch_bytes is -1");
  check({.buffer_bytes = 0}, "buffer_bytes is 0");
  CHECK(broker.Values("t").empty());
}

TEST_CASE("A key that no record can have is refused for its own size") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic(
      "t", {.segment_bytes = std::int64_t{256} << 20, .max_record_bytes = std::int64_t{64} << 20});
  Producer producer(*broker);
  const std::string key(std::size_t{1} << 24, 'k');
  const absl::Status answers[] = {
      producer.Send("t", RecordOf(key, "v")).status(),
      producer.SendAsync("t", RecordOf(key, "v")).status(),
      topic.partition(0).Claim({.value_bytes = 1, .key = key}).status()};
  for (const absl::Status& answer : answers) {
    CHECK(absl::IsInvalidArgument(answer));
    const std::string message(answer.message());
    CHECK(message.find("the key has 16777216 bytes; the limit of every topic is 16777215") !=
          std::string::npos);
  }
}

TEST_CASE("The longest timeouts wait as long as it takes, and none overflows") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  Producer producer(*broker, {.linger = std::chrono::hours::max()});
  const auto receipt = producer.SendAsync("t", RecordOf("v"));
  REQUIRE(receipt.ok());
  CHECK(receipt->offset() == Receipt::kNowhere);
  CHECK(producer.Flush(std::chrono::hours::max()).ok());
  CHECK(receipt->Await(std::chrono::nanoseconds::max()).ok());
  CHECK(receipt->WaitDurable(std::chrono::seconds::max()).ok());
  REQUIRE(topic.partition(0).Append(RecordOf("w")).ok());
  CHECK(topic.partition(0).WaitDurable(Offset(2), std::chrono::nanoseconds::max()).ok());
  CHECK(topic.partition(0).WaitDurable(Offset(2), std::chrono::hours::max()).ok());
  auto reader = Reader::Open(*broker, "t");
  CHECK(reader->Poll(std::chrono::hours::max())->size() == 2);
  GroupOptions options;
  options.max_poll_interval = std::chrono::hours::max();
  ConsumerGroup group(*broker, "g", options);
  const auto consumer = group.Join({"t"}).value();
  CHECK(consumer->Poll(std::chrono::hours::max())->size() == 2);
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours::max()).value() == 0);
}

}  // namespace daybook
