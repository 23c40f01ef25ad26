#include "broker/topics/catalog.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"
#include "support/temporary_directory.h"

namespace daybook {

TEST_CASE("A deletion that was cut short is finished by the next open") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    BrokerFixture broker;
    broker.MakeTopic("orders", {.partitions = 2});
    broker.MakeTopic("orders-0");  // its directory is orders-0-0
    broker.Send("orders", "k", "v");
    broker.Send("orders-0", "k", "other");
    broker->OpenTopic("orders-0").value().partition(0).WaitDurable(Offset(1)).IgnoreError();
    std::vector<std::unique_ptr<SimulatedFileSystem>> cuts;
    broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
      cuts.push_back(seed % 2 == 0 ? broker.disk().Kill() : broker.disk().CutPower(seed));
      return absl::OkStatus();
    });
    REQUIRE(broker->DeleteTopic("orders").ok());
    broker.disk().SetHook(nullptr);
    for (const auto& cut : cuts) {
      BrokerOptions options = broker.Options();
      options.file_system = cut.get();
      const auto after = Broker::Open("/data", options);
      INFO(after.status());
      REQUIRE(after.ok());
      const bool is_there = (*after)->OpenTopic("orders").ok();
      for (const std::string& file : cut->Files()) {
        CHECK(file.find(".gone") == std::string::npos);
        if (!is_there) CHECK(file.find("/orders-0/") == std::string::npos);
      }
      CHECK((*after)->OpenTopic("orders-0").value().partition(0).end_offset().value() == Offset(1));
    }
  }
}

TEST_CASE("A topic's file that is damaged or renamed is an error that names it") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  REQUIRE(broker->Close().ok());
  REQUIRE(broker.disk().Corrupt("/data/orders.topic", 30, std::byte{1}).ok());
  const auto damaged = Broker::Open("/data", broker.Options()).status();
  CHECK(absl::IsDataLoss(damaged));
  CHECK(damaged.message().find("orders.topic") != absl::string_view::npos);
  REQUIRE(broker.disk().Corrupt("/data/orders.topic", 30, std::byte{1}).ok());
  const auto directory = broker.disk().OpenDirectory("/data", DirectoryMode::kMustExist).value();
  REQUIRE(directory->Rename("orders.topic", "other.topic").ok());
  CHECK(absl::IsDataLoss(Broker::Open("/data", broker.Options()).status()));
}

TEST_CASE("The longest name works to the last partition") {
  BrokerFixture broker;
  const std::string name(249, 'x');
  broker.MakeTopic(name, {.partitions = 100'000});
  REQUIRE(broker->OpenTopic(name).value().partition(99'999).Append(RecordOf("v")).ok());
  REQUIRE(broker->DeleteTopic(name).ok());
}

TEST_CASE("Topics are found while a follower looks again at the files of all of them") {
  BrokerFixture writer;
  writer.MakeTopic("orders");
  writer.MakeTopic("other");
  const auto follower = Broker::Open("/data", writer.Options(BrokerAccess::kReadOnly)).value();
  REQUIRE(follower->OpenTopic("orders").ok());
  REQUIRE(follower->OpenTopic("other").ok());
  Catalog& catalog = Access::Core(*follower).catalog();
  int found = 0;
  writer.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool is_topic = path.find(".topic") != std::string::npos;
    if (operation == SimulatedFileSystem::Operation::kOpen && is_topic) {
      found += static_cast<int>(catalog.PartitionCounts().size());  // with no look at the disk
    }
    return absl::OkStatus();
  });
  catalog.Recheck();
  writer.disk().SetHook(nullptr);
  CHECK(found == 4);
}

TEST_CASE("What a follower holds back is found when it is published, but for internal topics") {
  BrokerFixture broker;
  broker.MakeTopic("old");
  const auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  Catalog& catalog = Access::Core(*follower).catalog();
  REQUIRE(catalog.Find("old").ok());
  catalog.HoldBackNew();
  broker.MakeTopic("new");
  REQUIRE(Access::Core(*broker).offsets().Commit({"g", "old", 0}, Offset(0)).ok());
  CHECK(catalog.Find("old").ok());
  CHECK(catalog.Find("__consumer_offsets").ok());
  CHECK(absl::IsNotFound(catalog.Find("new").status()));
  CHECK(absl::IsNotFound(catalog.Peek("none").status()));
  const auto topic = catalog.Peek("new").value();
  CHECK(absl::IsNotFound(catalog.Find("new").status()));
  const std::uint64_t version = catalog.version();
  catalog.Publish(topic);
  CHECK(catalog.version() != version);
  CHECK(Access::State(catalog.Find("new").value()) == topic);
  CHECK(catalog.Peek("new").value() == topic);
}

TEST_CASE("The kernel keeps one lock of a topic, however many partitions, until it is deleted") {
  const TemporaryDirectory directory;
  const auto broker = Broker::Open(directory.path(), {});
  REQUIRE(broker.ok());
  struct stat info {};
  REQUIRE(stat(directory.path().c_str(), &info) == 0);
  const std::string inode = ":" + std::to_string(info.st_ino) + " ";
  const auto locks = [&] {
    std::ifstream file("/proc/locks");
    int count = 0;
    for (std::string line; std::getline(file, line);) {
      count += line.find("OFDLCK") != std::string::npos && line.find(inode) != std::string::npos;
    }
    return count;
  };
  const int before = locks();
  for (int i = 0; i < 3; ++i) {
    REQUIRE((*broker)->CreateTopic("t", {.partitions = 100}).ok());
    {
      const Topic topic = (*broker)->OpenTopic("t").value();
      for (int p = 0; p < 100; ++p) REQUIRE(topic.partition(p).Append(RecordOf("v")).ok());
    }
    CHECK(locks() <= before + 1);
    REQUIRE((*broker)->DeleteTopic("t").ok());
    CHECK(locks() == before);
  }
}

}  // namespace daybook
