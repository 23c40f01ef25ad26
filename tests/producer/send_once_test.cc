#include <utility>
#include <vector>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/producer.h"
#include "support/broker_fixture.h"

namespace daybook {

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

TEST_CASE("What was sent once stays where it is when partitions are added") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  constexpr int kKeys = 100;
  std::vector<std::pair<int, Offset>> first(kKeys);
  for (const int partitions : {3, 5, 8}) {
    if (partitions != 3) REQUIRE(Admin(*broker).CreatePartitions("t", partitions).ok());
    for (const bool is_reopened : {false, true}) {
      if (is_reopened) broker.Kill();
      Producer producer(*broker, {.name = "importer"});
      for (int i = 0; i < kKeys; ++i) {
        const std::string key = "key " + std::to_string(i);
        const auto receipt = producer.SendOnce("t", RecordOf(key, "v"), i);
        INFO(receipt.status());
        REQUIRE(receipt.ok());
        const std::pair where(receipt->partition(), receipt->offset());
        if (partitions == 3 && !is_reopened) first[static_cast<std::size_t>(i)] = where;
        CHECK(where == first[static_cast<std::size_t>(i)]);
      }
    }
  }
  CHECK(broker.Values("t").size() == kKeys);
  // What is new goes where its key belongs now.
  Producer producer(*broker, {.name = "importer"});
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = "key " + std::to_string(i);
    CHECK(producer.SendOnce("t", RecordOf(key, "w"), kKeys + i)->partition() ==
          Producer::PartitionForKey(key, 8));
  }
  CHECK(broker.Values("t").size() == 2 * kKeys);
}

TEST_CASE("An import that was cut off goes on after partitions were added, with nothing twice") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2, .durability = Durability::kDisk});
  for (const int lines : {40, 100}) {
    Producer producer(*broker, {.name = "importer"});
    for (int i = 0; i < lines; ++i) {
      const auto receipt = producer.SendOnce("t", RecordOf("key " + std::to_string(i), "v"), i);
      INFO(receipt.status());
      REQUIRE(receipt.ok());
    }
    if (lines == 40) REQUIRE(Admin(*broker).CreatePartitions("t", 7).ok());
    broker.CutPower(static_cast<std::uint64_t>(lines));
  }
  CHECK(broker.Values("t").size() == 100);
}

TEST_CASE("A sequence of another key, or of a partition, is not taken for one sent before") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 1});
  {
    Producer producer(*broker, {.name = "importer"});
    REQUIRE(producer.SendOnce("t", RecordOf("one", "v"), 0).ok());
  }
  REQUIRE(Admin(*broker).CreatePartitions("t", 2).ok());
  Producer producer(*broker, {.name = "importer"});
  std::string other = "other";
  while (Producer::PartitionForKey(other, 2) != 1) other += "'";
  CHECK(producer.SendOnce("t", RecordOf(other, "w"), 0)->partition() == 1);
  Record named = RecordOf("one", "x");
  named.partition = 1;
  CHECK(producer.SendOnce("t", named, 1)->partition() == 1);
  CHECK(broker.Values("t").size() == 3);
}

}  // namespace daybook
