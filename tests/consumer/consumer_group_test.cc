#include "daybook/consumer_group.h"

#include <set>
#include <thread>

#include "catch.h"
#include "daybook/admin.h"
#include "support/group_fixture.h"
#include "support/log_fixture.h"

namespace daybook {
TEST_CASE("A member alone reads everything and goes on where it committed") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 3);
  ConsumerGroup group(*broker, "g");
  {
    const auto consumer = group.Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 6);
    REQUIRE(consumer->Commit().ok());
  }
  broker.SendMany("t", 0, 1);
  CHECK(Drain(*group.Join({"t"}).value()).size() == 1);
  // What was not committed comes again.
  CHECK(Drain(*group.Join({"t"}).value()).size() == 1);
}

TEST_CASE("A committed place survives a restart, a kill, and belongs to its group alone") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 5);
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 5);
    REQUIRE(consumer->Commit().ok());
  }
  broker.Reopen();
  CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).empty());
  broker.Kill();
  CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).empty());
  CHECK(Drain(*ConsumerGroup(*broker, "other").Join({"t"}).value()).size() == 5);
}

TEST_CASE("The partitions of a member that leaves go on with the others") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 2);
  broker.SendMany("t", 1, 2);
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"t"}).value();
  const auto second = group.Join({"t"}).value();
  CHECK(Drain(*first).size() == 2);
  CHECK(Drain(*second).size() == 2);
  REQUIRE(second->Commit().ok());
  REQUIRE(first->Leave().ok());
  CHECK(Drain(*second).size() == 2);  // the first one had not committed
  CHECK(absl::IsFailedPrecondition(first->Poll({}).status()));
  CHECK(absl::IsFailedPrecondition(first->Commit()));
}

TEST_CASE("A group begins at the beginning, or at the end if it says so") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  CHECK(Drain(*ConsumerGroup(*broker, "a").Join({"t"}).value()).size() == 3);
  ConsumerGroup late(*broker, "b", {.offset_reset = OffsetReset::kLatest});
  const auto consumer = late.Join({"t"}).value();
  CHECK(Drain(*consumer).empty());
  broker.SendMany("t", 0, 1);
  CHECK(Drain(*consumer).size() == 1);
}

TEST_CASE("What cannot be joined says why") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  CHECK(absl::IsNotFound(ConsumerGroup(*broker, "g").Join({"u"}).status()));
  CHECK(absl::IsInvalidArgument(ConsumerGroup(*broker, "g").Join({}).status()));
  CHECK(absl::IsInvalidArgument(ConsumerGroup(*broker, "").Join({"t"}).status()));
  for (const GroupOptions& bad : {GroupOptions{.offset_reset = static_cast<OffsetReset>(3)},
                                  GroupOptions{.assignor = static_cast<Assignor>(-1)},
                                  GroupOptions{.guarantee = static_cast<Guarantee>(7)}}) {
    CHECK(absl::IsInvalidArgument(ConsumerGroup(*broker, "g", bad).Join({"t"}).status()));
  }
  const auto reader = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(absl::IsFailedPrecondition(ConsumerGroup(*reader, "g").Join({"t"}).status()));
  ConsumerGroup group(*broker, "g");
  CHECK(absl::IsInvalidArgument(group.JoinMatching("(").status()));
  CHECK(absl::IsInvalidArgument(group.Join({"t"}, {.instance_id = "a\nb"}).status()));
  CHECK(absl::IsInvalidArgument(
      ConsumerGroup(*broker, "g", {.max_poll_interval = std::chrono::nanoseconds(0)})
          .Join({"t"})
          .status()));
  CHECK(Admin(*broker).ListGroups().value().empty());
}

TEST_CASE("Threads of a group read everything once while others send") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 4});
  constexpr int kProducers = 2;
  constexpr int kConsumers = 3;
  constexpr int kEach = 3000;
  std::atomic<int> received{0};
  std::vector<std::vector<std::string>> seen(kConsumers);
  ConsumerGroup group(*broker, "g");
  // Joined before the first record, so that nothing is read twice while partitions move.
  std::vector<std::unique_ptr<Consumer>> consumers;
  for (int i = 0; i < kConsumers; ++i) consumers.push_back(group.Join({"t"}).value());
  std::vector<std::thread> threads;
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&, c] {
      const auto deadline = Soon();
      while (received < kProducers * kEach && std::chrono::steady_clock::now() < deadline) {
        const auto batch =
            consumers[static_cast<std::size_t>(c)]->Poll(std::chrono::milliseconds(10));
        if (!batch.ok()) std::terminate();
        for (const RecordView& record : *batch) {
          seen[static_cast<std::size_t>(c)].emplace_back(record.value);
        }
        received += static_cast<int>(batch->size());
        if (!consumers[static_cast<std::size_t>(c)]->Commit().ok()) std::terminate();
      }
    });
  }
  Producer producer(*broker);
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kEach; ++i) {
        if (!producer.Send(topic, RecordOf(std::to_string(p * kEach + i))).ok()) std::terminate();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::multiset<std::string> all;
  for (const auto& values : seen) all.insert(values.begin(), values.end());
  CHECK(all.size() == kProducers * kEach);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == kProducers * kEach);
}

TEST_CASE("What a group has not committed of a memory topic is kept as long as it has members") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic(
      "t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10, .when_full = WhenFull::kFail});
  const auto fill = [&] {
    absl::Status status;
    while (status.ok()) status = topic.partition(0).Append(RecordOf("x")).status();
    CHECK(absl::IsResourceExhausted(status));
  };
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  REQUIRE(consumer->Poll({}).ok());
  fill();
  const auto all = static_cast<std::size_t>(topic.partition(0).end_offset().value().value());
  CHECK(Drain(*consumer).size() == all);
  fill();  // read, but not committed
  REQUIRE(consumer->Commit().ok());
  CHECK(topic.partition(0).Append(RecordOf("x")).ok());
  fill();
  {
    // A second member takes over; what the first has committed counts for it.
    const auto other = ConsumerGroup(*broker, "g").Join({"t"}).value();
    REQUIRE(consumer->Leave().ok());
    CHECK_FALSE(Drain(*other).empty());
    REQUIRE(other->Commit().ok());
    CHECK(topic.partition(0).Append(RecordOf("x")).ok());
  }
  fill();
}

TEST_CASE("A memory topic is there after a restart, empty, and no group has a place in it") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.storage = Storage::kMemory});
  broker.SendMany("t", 0, 10);
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 10);
    REQUIRE(consumer->Commit().ok());
    CHECK(consumer->Committed({"t", 0}).value().offset == Offset(10));
  }
  broker.Reopen();
  broker.SendMany("t", 0, 20);
  CHECK(Drain(*ConsumerGroup(*broker, "g").Join({"t"}).value()).size() == 20);
}

TEST_CASE("A member that matches topics reads those that are there and those that come") {
  BrokerFixture broker;
  const auto consumer = ConsumerGroup(*broker, "g").JoinMatching("orders\\..*").value();
  CHECK(Settled(*consumer).empty());
  broker.MakeTopic("orders.eu", {.partitions = 2});
  broker.MakeTopic("payments");
  broker.SendMany("orders.eu", 1, 3);
  CHECK(Drain(*consumer).size() == 3);
  REQUIRE(Admin(*broker).CreatePartitions("orders.eu", 3).ok());
  broker.SendMany("orders.eu", 2, 2);
  CHECK(Drain(*consumer).size() == 2);
  REQUIRE(broker->DeleteTopic("orders.eu").ok());
  CHECK(Settled(*consumer).empty());
}

TEST_CASE("Members by name and by expression share what both read") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 2});
  broker.MakeTopic("b", {.partitions = 2});
  ConsumerGroup group(*broker, "g", {.assignor = Assignor::kRange});
  const auto first = group.Join({"a"}).value();
  const auto second = group.JoinMatching(".*").value();
  CHECK(Settled(*first) == std::vector<TopicPartition>{{"a", 0}});
  CHECK(Settled(*second) == std::vector<TopicPartition>{{"a", 1}, {"b", 0}, {"b", 1}});
}

}  // namespace daybook
