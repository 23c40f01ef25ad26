#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "catch.h"
#include "support/broker_fixture.h"

// What is under way while a broker is closed: src/broker/broker_close.cc.

namespace daybook {

TEST_CASE("Who closes a broker that another thread is closing waits until that is done") {
  SimulatedFileSystem disk;
  auto broker = Broker::Open("/data", {.file_system = &disk}).value();
  REQUIRE(broker->CreateTopic("orders", {.durability = Durability::kDisk}).ok());
  Producer producer(*broker);
  std::promise<void> entered;
  std::promise<void> release;
  REQUIRE(producer
              .SendAsync("orders", RecordOf("v"),
                         [&](const absl::Status&, const Receipt&) {
                           entered.set_value();
                           release.get_future().wait();
                         })
              .ok());
  entered.get_future().wait();
  std::atomic<bool> is_released{false};
  std::array<absl::Status, 3> statuses;
  std::array<bool, 3> were_late{};
  std::vector<std::thread> closers;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    closers.emplace_back([&, i] {
      statuses[i] = broker->Close();
      were_late[i] = is_released;
    });
  }
  for (int i = 0; i < 1000; ++i) {
    if (i % 10 == 0)
      CHECK(absl::IsFailedPrecondition(Broker::Open("/data", {.file_system = &disk}).status()));
    std::this_thread::yield();
  }
  is_released = true;
  release.set_value();
  for (std::thread& closer : closers) closer.join();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CHECK(statuses[i].ok());
    CHECK(were_late[i]);
  }
  CHECK(Broker::Open("/data", {.file_system = &disk}).ok());
}

TEST_CASE("Close answers a sync that failed to all who call it") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.durability = Durability::kInterval});
  broker.SendMany("orders", 0, 1);
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("the disk")
                                                              : absl::OkStatus();
  });
  CHECK(absl::IsDataLoss(broker->Close()));
  CHECK(absl::IsDataLoss(broker->Close()));
  broker.disk().SetHook(nullptr);
}

TEST_CASE("What is committed at kInterval while the broker closes survives a power cut") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("orders", {.durability = Durability::kInterval});
  broker.SendMany("orders", 0, 1);
  std::optional<RecordClaim> claim = topic.partition(0).Claim({.value_bytes = 4}).value();
  const auto commit = [&] {
    std::memcpy(claim->value().data(), "last", 4);
    std::move(*claim).Commit();
    claim.reset();
  };
  SECTION("during the last sync") {
    broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
      const bool is_sync = operation == SimulatedFileSystem::Operation::kSync;
      if (claim && is_sync && path.find("/orders-0/") != std::string::npos) commit();
      return absl::OkStatus();
    });
    CHECK(broker->Close().ok());
    broker.disk().SetHook(nullptr);
    REQUIRE_FALSE(claim.has_value());
  }
  SECTION("when Close has given up to wait for it") {
    CHECK(absl::IsDeadlineExceeded(broker->Close()));
    commit();
    CHECK(broker->Close().ok());
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    CHECK(after.Values("orders") == std::vector<std::string>{"0", "last"});
  }
}

}  // namespace daybook
