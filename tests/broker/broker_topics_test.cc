#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/group_fixture.h"

// How topics come and go: src/broker/broker_topics.cc.

namespace daybook {
namespace {

// Notes what it is told.
class NotingListener final : public BrokerListener {
 public:
  explicit NotingListener(std::vector<std::string>& told) : told_(told) {}
  void TopicsChanged() override { told_.push_back("changed"); }
  void TopicDeleted(std::string_view topic) override { told_.push_back(std::string(topic)); }
  void DropLostReaders() override { told_.push_back("readers"); }

 private:
  std::vector<std::string>& told_;
};

}  // namespace

TEST_CASE(
    "A broker's listener is told of topics, of readers that hold records back, and of its end") {
  SimulatedFileSystem disk;
  std::vector<std::string> told;
  using Told = std::vector<std::string>;
  const auto core =
      BrokerCore::Open("/data", {.background = Background::kCaller, .file_system = &disk}).value();
  core->SetListener(std::make_unique<NotingListener>(told));
  REQUIRE(core->CreateTopic("t", {}).ok());
  CHECK(std::exchange(told, {}) == Told{"changed"});
  REQUIRE(core->CreatePartitions("t", 2).ok());
  CHECK(std::exchange(told, {}) == Told{"changed"});
  REQUIRE(core->DeleteTopic("t").ok());
  CHECK(std::exchange(told, {}) == Told{"t"});
  CHECK(absl::IsNotFound(core->DeleteTopic("t")));
  CHECK(told.empty());
  REQUIRE(core->Close().ok());
  CHECK(told == Told{"changed"});
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
  CHECK(Admin(*broker).ListGroups().value().empty());
  for (const std::string& file : broker.disk().Files()) {
    CHECK(file.find("orders") == std::string::npos);
  }
  broker.MakeTopic("orders");
  CHECK(broker.Values("orders").empty());
}

TEST_CASE("A topic never has the places that groups had in an older one of its name") {
  // The power is cut after the old topic went, and again after the new one was made.
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    BrokerFixture broker;
    broker.MakeTopic("orders");
    broker.SendMany("orders", 0, 3);
    {
      ConsumerGroup group(*broker, "billing");
      const auto consumer = group.Join({"orders"}).value();
      REQUIRE(consumer->Poll({}).ok());
      REQUIRE(consumer->Commit().ok());
    }
    REQUIRE(broker->OpenTopic("__consumer_offsets")->partition(0).WaitDurable(Offset(1)).ok());
    std::unique_ptr<SimulatedFileSystem> left;
    broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
      if (operation == SimulatedFileSystem::Operation::kRemove &&
          path.find(".gone") != std::string::npos) {
        left = broker.disk().CutPower(seed);
      }
      return absl::OkStatus();
    });
    REQUIRE(broker->DeleteTopic("orders").ok());
    REQUIRE(left != nullptr);
    BrokerFixture next(std::move(left));
    next.MakeTopic("orders");
    next.CutPower(seed);
    CHECK(absl::IsNotFound(Admin(*next).DescribeGroup("billing").status()));
  }
}

TEST_CASE("A topic that is made while one of its name is deleted keeps what groups commit in it") {
  for (int round = 0; round < 30; ++round) {
    BrokerFixture broker;
    broker.MakeTopic("t");
    broker.SendMany("t", 0, 1);
    REQUIRE(Access::Core(*broker).offsets().Commit({"g", "t", 0}, Offset(1)).ok());
    const auto member = ConsumerGroup(*broker, "g").Join({"t"}).value();
    REQUIRE(member->Poll({}).ok());
    std::thread other;
    absl::Status committed;
    std::atomic<bool> has_begun{false};
    broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
      if (operation != SimulatedFileSystem::Operation::kRename || has_begun.exchange(true)) {
        return absl::OkStatus();
      }
      other = std::thread([&] {
        while (!broker->CreateTopic("t").ok()) std::this_thread::yield();
        committed = Access::Core(*broker).offsets().Commit({"g", "t", 0}, Offset(0));
      });
      return absl::OkStatus();
    });
    REQUIRE(broker->DeleteTopic("t").ok());
    other.join();
    broker.disk().SetHook(nullptr);
    REQUIRE(committed.ok());
    CHECK(Access::Core(*broker).offsets().Find({"g", "t", 0}).value().has_value());
    broker.SendMany("t", 0, 1);
    CHECK(Drain(*member) == std::vector<std::string>{"0"});
  }
}

}  // namespace daybook
