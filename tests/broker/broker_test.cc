#include "daybook/broker.h"

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("Topics are created, listed in order and come back with their settings") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 4,
                              .durability = Durability::kDisk,
                              .segment_bytes = 1 << 20,
                              .max_record_bytes = 1000});
  broker.MakeTopic("accounts");
  CHECK(broker->ListTopics().value() == std::vector<std::string>{"accounts", "orders"});
  broker.Reopen();
  const Topic topic = broker->OpenTopic("orders").value();
  CHECK(topic.name() == "orders");
  CHECK(topic.partitions() == 4);
  CHECK(topic.options().durability == Durability::kDisk);
  CHECK(topic.options().max_record_bytes == 1000);
}

TEST_CASE("A wrong name, an unknown topic and one that exists are told apart") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  const auto files = broker.disk().Files();
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("a/b")));
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("__mine")));
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("x", {.partitions = 0})));
  CHECK(absl::IsAlreadyExists(broker->CreateTopic("orders")));
  const auto unknown = broker->OpenTopic("order").status();
  CHECK(absl::IsNotFound(unknown));
  CHECK(unknown.message().find("did you mean orders?") != absl::string_view::npos);
  CHECK(absl::IsNotFound(broker->DeleteTopic("order")));
  CHECK(broker.disk().Files() == files);
}

TEST_CASE("A topic that was created survives a power cut, one that was not is not half there") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    BrokerFixture broker;
    broker.MakeTopic("orders");
    broker.CutPower(seed);
    CHECK(broker->OpenTopic("orders").ok());
  }
}

TEST_CASE("A batch outlives its topic") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  broker.Send("orders", "k", "still here");
  RecordBatch batch;
  {
    auto reader = Reader::Open(*broker, "orders").value();
    batch = reader.Poll({}).value();
  }
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(batch.begin()->value == "still here");
  CHECK(batch.begin()->topic == "orders");
}

TEST_CASE("A topic that was in use may be destroyed after its broker") {
  BrokerFixture broker;
  std::optional<Topic> topic = broker.MakeTopic("orders");
  broker.Send("orders", "k", "v");
  REQUIRE(broker->Close().ok());
  broker.CutPower(1);  // ends the broker
  topic.reset();
  CHECK(broker.Values("orders").size() <= 1);
}

TEST_CASE("Deleting a topic removes its files, its name and the groups' places") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("orders", {.partitions = 3});
  broker.Send("orders", "k", "v");
  {
    ConsumerGroup group(*broker, "g");
    const auto consumer = group.Join({"orders"}).value();
    REQUIRE(consumer->Poll({}).ok());
    REQUIRE(consumer->Commit().ok());
  }
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(absl::IsNotFound(topic.partition(0).Append(RecordOf("late")).status()));
  CHECK(absl::IsNotFound(broker->OpenTopic("orders").status()));
  CHECK(broker->ListGroups().value().empty());
  for (const std::string& file : broker.disk().Files()) {
    CHECK(file.find("orders") == std::string::npos);
  }
  broker.MakeTopic("orders");
  CHECK(broker.Values("orders").empty());
}

TEST_CASE("A second broker on the directory is refused until the first one closes") {
  BrokerFixture broker;
  CHECK(absl::IsFailedPrecondition(Broker::Open("/data", broker.Options()).status()));
  REQUIRE(broker->Close().ok());
  CHECK(Broker::Open("/data", broker.Options()).ok());
}

TEST_CASE("A closed broker's handles answer with an error") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("orders");
  broker.Send("orders", "k", "v");
  REQUIRE(broker->Close().ok());
  CHECK(absl::IsFailedPrecondition(topic.partition(0).Append(RecordOf("x")).status()));
  CHECK(absl::IsFailedPrecondition(topic.partition(0).Read(Offset(0)).status()));
}

TEST_CASE("A read-only broker reads what another one writes and writes nothing itself") {
  BrokerFixture writer;
  writer.MakeTopic("orders", {.segment_bytes = 64 << 10, .max_record_bytes = 1000});
  writer.Send("orders", "k", "0");
  const auto reader = Broker::Open("/data", writer.Options(BrokerAccess::kReadOnly)).value();
  auto cursor = Reader::Open(*reader, "orders").value();
  CHECK(cursor.Poll({}).value().size() == 1);
  CHECK(cursor.Poll({}).value().empty());
  // Over a growing file and a roll.
  std::int64_t seen = 0;
  for (int round = 0; round < 20; ++round) {
    writer.SendMany("orders", 0, 200);
    for (;;) {
      const auto batch = cursor.Poll({}).value();
      if (batch.empty()) break;
      seen += static_cast<std::int64_t>(batch.size());
    }
  }
  CHECK(seen == 4000);
  writer.MakeTopic("later");
  CHECK(reader->ListTopics().value().size() == 2);
  const auto files = writer.disk().Files();
  CHECK(absl::IsFailedPrecondition(reader->CreateTopic("x")));
  CHECK(absl::IsFailedPrecondition(reader->DeleteTopic("orders")));
  CHECK(absl::IsFailedPrecondition(
      reader->OpenTopic("orders").value().partition(0).Append(RecordOf("x")).status()));
  CHECK(writer.disk().Files() == files);
}

TEST_CASE("A group is described with its places and its lag") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 2});
  broker.SendMany("orders", 0, 10);
  ConsumerGroup group(*broker, "service", {.batch = {.max_records = 4}});
  const auto consumer = group.Join({"orders"}).value();
  CHECK(consumer->Poll({}).value().size() == 4);
  REQUIRE(consumer->Commit().ok());
  const GroupDescription description = broker->DescribeGroup("service").value();
  REQUIRE(description.members.size() == 1);
  CHECK(description.members[0].id == consumer->member_id());
  CHECK(description.generation == 1);
  REQUIRE(description.offsets.size() == 2);
  CHECK(description.offsets[0].committed == Offset(4));
  CHECK(description.offsets[0].end == Offset(10));
  CHECK(description.offsets[0].member == consumer->member_id());
  CHECK(broker->ListGroups().value() == std::vector<std::string>{"service"});
  CHECK(absl::IsNotFound(broker->DescribeGroup("nobody").status()));
}

}  // namespace daybook
