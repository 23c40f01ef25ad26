#include "producer/batcher.h"

#include <thread>

#include "catch.h"
#include "daybook/admin.h"
#include "support/broker_fixture.h"
#include "support/thread_factories.h"

namespace daybook {
namespace {

// A batcher without a thread, and what it has appended.
struct BatcherFixture {
  explicit BatcherFixture(const TopicOptions& options = {},
                          std::chrono::nanoseconds linger = std::chrono::hours(1),
                          std::uint64_t batch_bytes = 1000, std::uint64_t buffer_bytes = 1 << 20)
      : topic(broker.MakeTopic("t", options)),
        batcher({.linger = linger, .batch_bytes = batch_bytes, .buffer_bytes = buffer_bytes},
                [this](Batcher::Batches batch) {
                  appended.push_back(batch.front().deliveries.size());
                }) {}

  Receipt Add(std::string_view value, int partition = 0) {
    auto receipt = batcher.Add(topic, partition, RecordOf(value), {});
    REQUIRE(receipt);
    return *std::move(receipt);
  }
  std::vector<std::string> Values(int partition = 0) {
    std::vector<std::string> values;
    const auto batch = topic.partition(partition).Read(Offset(0)).value();
    for (const RecordView& record : batch) values.emplace_back(record.value);
    return values;
  }

  BrokerFixture broker;
  const Topic topic;
  std::vector<std::size_t> appended;  // records of each batch
  Batcher batcher;
};

}  // namespace

TEST_CASE("Records are gathered until somebody appends them, and keep their order") {
  BatcherFixture fixture;
  std::vector<std::string> values;
  for (int i = 0; i < 20; ++i) {
    values.push_back(std::to_string(i));
    fixture.Add(values.back());
  }
  CHECK(fixture.Values().empty());
  fixture.batcher.AppendAll();
  CHECK(fixture.Values() == values);
  CHECK(fixture.appended == std::vector<std::size_t>{20});
}

TEST_CASE("A batch that is full is appended at once") {
  BatcherFixture fixture;
  const std::string value(300, 'x');
  for (int i = 0; i < 3; ++i) fixture.Add(value);
  CHECK(fixture.appended.empty());
  fixture.Add(value);  // does not fit any more
  CHECK(fixture.appended == std::vector<std::size_t>{3});
  fixture.Add(std::string(2000, 'y'));  // alone over the size of a batch
  CHECK(fixture.appended == std::vector<std::size_t>{3, 1, 1});
  CHECK(fixture.Values().size() == 5);
}

TEST_CASE("A batch whose time has come is appended by the next send") {
  BatcherFixture fixture({.partitions = 2}, std::chrono::nanoseconds(0));
  fixture.Add("a", 0);
  CHECK(fixture.Values(0).empty());
  fixture.Add("b", 1);
  CHECK(fixture.Values(0) == std::vector<std::string>{"a"});
  CHECK(fixture.Values(1).empty());
}

TEST_CASE("Every partition has a batch of its own") {
  BatcherFixture fixture({.partitions = 2});
  fixture.Add("a", 0);
  fixture.Add("b", 1);
  fixture.Add("c", 0);
  fixture.batcher.AppendOf(fixture.topic, 0);
  CHECK(fixture.Values(0) == std::vector<std::string>{"a", "c"});
  CHECK(fixture.Values(1).empty());
  fixture.batcher.AppendAll();
  CHECK(fixture.Values(1) == std::vector<std::string>{"b"});
}

TEST_CASE("A batch never grows beyond what its topic takes") {
  BatcherFixture fixture({.max_record_bytes = 500}, std::chrono::hours(1), 1 << 20);
  for (int i = 0; i < 100; ++i) fixture.Add(std::string(90, 'x'));
  fixture.batcher.AppendAll();
  CHECK(fixture.Values().size() == 100);
  CHECK(fixture.appended.front() == 5);
  // What does not fit even alone is not taken.
  CHECK_FALSE(fixture.batcher.Add(fixture.topic, 0, RecordOf(std::string(600, 'x')), {}));
}

TEST_CASE("Who fills the buffer appends what is in it") {
  BatcherFixture fixture({.partitions = 50}, std::chrono::hours(1), 1000, 2000);
  for (int i = 0; i < 50; ++i) fixture.Add(std::string(90, 'x'), i);
  CHECK(fixture.appended.size() >= 20);
}

TEST_CASE("A receipt knows its offset once its batch is appended") {
  BatcherFixture fixture;
  const Receipt first = fixture.Add("a");
  const Receipt second = fixture.Add("b");
  CHECK(first.offset() == Receipt::kNowhere);
  CHECK(absl::IsDeadlineExceeded(first.Await(std::chrono::nanoseconds(0)).status()));
  fixture.batcher.AppendAll();
  CHECK(first.offset() == Offset(0));
  CHECK(second.offset() == Offset(1));
  CHECK(second.Await().value() == Offset(1));
  CHECK(second.WaitDurable().ok());
  CHECK(fixture.topic.partition(0).durable_offset().value() == Offset(2));
}

TEST_CASE("Receipts of a batch that could not be appended say why") {
  BatcherFixture fixture;
  const Receipt receipt = fixture.Add("a");
  REQUIRE(fixture.broker->DeleteTopic("t").ok());
  fixture.batcher.AppendAll();
  CHECK(receipt.offset() == Receipt::kNowhere);
  CHECK(absl::IsNotFound(receipt.Await().status()));
  CHECK(absl::IsNotFound(receipt.WaitDurable()));
  CHECK(fixture.appended.size() == 1);
}

TEST_CASE("Threads that add while others append lose nothing and keep their order") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  std::atomic<std::size_t> told{0};
  constexpr int kThreads = 3;
  constexpr int kRecords = 3'000;
  {
    Batcher batcher({.linger = std::chrono::microseconds(50),
                     .batch_bytes = 500,
                     .buffer_bytes = 4000,
                     .threads = &ThreadFactory::System()},
                    [&](Batcher::Batches batch) { told += batch.front().deliveries.size(); });
    REQUIRE(batcher.Start(nullptr).ok());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRecords; ++i) {
          const std::string value = std::to_string(t) + ":" + std::to_string(i);
          if (!batcher.Add(topic, 0, RecordOf(value), {})) std::abort();
          if (i % 1000 == 500) batcher.AppendOf(topic, 0);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(told == kThreads * kRecords);
  std::vector<int> next(kThreads, 0);
  int out_of_order = 0;
  Offset from(0);
  for (;;) {
    const auto batch = topic.partition(0).Read(from).value();
    if (batch.empty()) break;
    from = batch.next_offset();
    for (const RecordView& record : batch) {
      const auto t = static_cast<std::size_t>(record.value[0] - '0');
      out_of_order += std::stoi(std::string(record.value.substr(2))) != next[t]++;
    }
  }
  CHECK(out_of_order == 0);
  CHECK(next == std::vector<int>(kThreads, kRecords));
}

TEST_CASE("A partition has one open batch, whichever handle of its topic records come by") {
  BatcherFixture fixture;
  fixture.Add("a");
  REQUIRE(Admin(*fixture.broker).CreatePartitions("t", 3).ok());
  const Topic grown = fixture.broker->OpenTopic("t").value();
  REQUIRE(fixture.batcher.Add(grown, 0, RecordOf("b"), {}));
  fixture.Add("c");
  fixture.batcher.AppendOf(grown, 0);
  CHECK(fixture.Values() == std::vector<std::string>{"a", "b", "c"});
  CHECK(fixture.appended == std::vector<std::size_t>{3});
}

TEST_CASE("A batcher whose thread cannot be started says so, and tries again") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  FewThreads few(0);
  Batcher batcher(
      {.linger = std::chrono::hours(1), .batch_bytes = 500, .buffer_bytes = 4000, .threads = &few},
      [](Batcher::Batches) {});
  CHECK(absl::IsResourceExhausted(batcher.Start(nullptr)));
  few.Allow(1);
  CHECK(batcher.Start(nullptr).ok());
  CHECK(batcher.Start(nullptr).ok());
  CHECK(few.asked() == 2);
}

TEST_CASE("An append that takes its time holds up its own partition and no other") {
  BrokerFixture broker;
  const Topic slow =
      broker.MakeTopic("slow", {.segment_bytes = 64 << 10, .max_record_bytes = 16 << 10});
  const Topic other = broker.MakeTopic("other");
  std::atomic<int> appended{0};
  Batcher batcher({.linger = std::chrono::hours(1), .batch_bytes = 1000, .buffer_bytes = 1 << 20},
                  [&](Batcher::Batches batch) {
                    appended += static_cast<int>(batch.front().deliveries.size());
                  });
  std::atomic<bool> is_held_up{false};
  std::atomic<bool> may_go_on{false};
  broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string& path) {
    if (path.find("slow-0") == std::string::npos) return absl::OkStatus();
    is_held_up = true;
    while (!may_go_on) std::this_thread::yield();
    return absl::OkStatus();
  });
  std::thread sender([&] {
    for (int i = 0; i < 20; ++i) batcher.Add(slow, 0, RecordOf(std::string(10'000, 'x')), {});
  });
  while (!is_held_up) std::this_thread::yield();
  const int before = appended;
  REQUIRE(batcher.Add(slow, 0, RecordOf("last"), {}));
  REQUIRE(batcher.Add(other, 0, RecordOf("a"), {}));
  batcher.AppendOf(other, 0);
  CHECK(appended == before + 1);
  REQUIRE(batcher.Add(other, 0, RecordOf(std::string(1000, 'y')), {}));  // full by itself
  CHECK(appended == before + 2);
  REQUIRE(batcher.Add(other, 0, RecordOf("b"), {}));
  batcher.AppendReady();
  CHECK(appended == before + 3);
  CHECK(other.partition(0).end_offset().value() == Offset(3));
  may_go_on = true;
  sender.join();
  batcher.AppendAll();
  CHECK(appended == 24);
  CHECK(slow.partition(0).end_offset().value() == Offset(21));
}

TEST_CASE("A batcher that was ended appends what still comes at once") {
  BatcherFixture fixture({.partitions = 2});
  fixture.Add("a", 1);
  CHECK(fixture.batcher.Stop().empty());
  fixture.Add("b", 0);
  CHECK(fixture.Values(0) == std::vector<std::string>{"b"});
  CHECK(fixture.Values(1) == std::vector<std::string>{"a"});
}

TEST_CASE("A batcher with the longest linger appends when it is asked to, and not before") {
  BatcherFixture fixture({}, TimeSpan(std::chrono::hours::max()));
  fixture.Add("a");
  fixture.Add("b");
  CHECK(fixture.appended.empty());
  fixture.batcher.AppendAll();
  CHECK(fixture.appended == std::vector<std::size_t>{2});
}

}  // namespace daybook
