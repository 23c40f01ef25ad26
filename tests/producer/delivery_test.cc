#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "catch.h"
#include "daybook/producer.h"
#include "support/broker_fixture.h"
#include "support/thread_factories.h"

// What delivery callbacks may do: send, and be answered where they would wait for themselves.

namespace daybook {
namespace {

// Sends again from each callback, until so many have been told of.
class Chain {
 public:
  Chain(Producer& producer, int total) : producer_(producer), total_(total) {}

  void Start(int sends) {
    for (int i = 0; i < sends; ++i) Send();
  }
  int told() const { return told_; }
  int failed() const { return failed_; }

 private:
  void Send() {
    const auto receipt =
        producer_.SendAsync("t", RecordOf("v"), [this](const absl::Status& status, const Receipt&) {
          failed_ += !status.ok();
          if (++sent_on_ < total_) Send();
          ++told_;
        });
    failed_ += !receipt.ok();
  }

  Producer& producer_;
  const int total_;
  std::atomic<int> sent_on_{0};
  std::atomic<int> told_{0};
  std::atomic<int> failed_{0};
};

std::unique_ptr<Broker> OpenWithThreads(SimulatedFileSystem& disk,
                                        ThreadFactory& threads = ThreadFactory::System()) {
  BrokerOptions options;
  options.file_system = &disk;
  options.threads = &threads;
  return Broker::Open("/data", options).value();
}

}  // namespace

TEST_CASE("A callback that sends when no more may be in flight does not wait for itself") {
  const bool lingers = GENERATE(false, true);
  SimulatedFileSystem disk;
  const auto broker = OpenWithThreads(disk);
  REQUIRE(broker->CreateTopic("t", {.durability = Durability::kDisk}).ok());
  ProducerOptions options;
  options.max_in_flight = 4;
  if (lingers) options.linger = std::chrono::microseconds(50);
  Producer producer(*broker, options);
  Chain chain(producer, 200);
  chain.Start(4);
  while (chain.told() < 200) std::this_thread::yield();
  CHECK(chain.failed() == 0);
}

TEST_CASE("Flush waits for what was sent before it, not for what callbacks send meanwhile") {
  const bool lingers = GENERATE(false, true);
  BrokerFixture broker;
  broker.MakeTopic("t", {.durability = Durability::kDisk});
  ProducerOptions options;
  options.max_in_flight = 4;
  if (lingers) options.linger = std::chrono::hours(1);
  Producer producer(*broker, options);
  Chain chain(producer, 100);
  chain.Start(3);
  CHECK(producer.Flush(std::chrono::hours::max()).ok());
  CHECK(chain.told() >= 3);
  CHECK(chain.told() < 50);
  CHECK(chain.failed() == 0);
  const int told = chain.told();
  CHECK(producer.Flush().ok());
  CHECK(chain.told() >= told + 3);
}

TEST_CASE("A broker closes under a callback that sends again whatever it is told") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.durability = Durability::kDisk});
  auto producer = std::make_unique<Producer>(*broker);
  Chain chain(*producer, 1'000'000'000);
  chain.Start(3);
  CHECK(broker->Close().ok());
  CHECK(chain.told() >= 3);
  CHECK(chain.failed() >= 3);
  producer.reset();
}

TEST_CASE("A producer that goes waits for what its callbacks send") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  std::optional<Chain> chain;
  {
    Producer producer(*broker, {.max_in_flight = 2});
    chain.emplace(producer, 10);
    chain->Start(2);
  }
  CHECK(chain->told() >= 10);
  CHECK(chain->failed() == 0);
}

TEST_CASE("What a callback throws is what Flush answers, and all others are told") {
  const Durability durability = GENERATE(Durability::kProcess, Durability::kDisk);
  const bool lingers = GENERATE(false, true);
  const bool has_thread = GENERATE(false, true);
  SimulatedFileSystem disk;
  BrokerOptions broker_options;
  broker_options.file_system = &disk;
  if (!has_thread) broker_options.background = Background::kCaller;
  const auto broker = Broker::Open("/data", broker_options).value();
  REQUIRE(broker->CreateTopic("t", {.durability = durability}).ok());
  ProducerOptions options;
  if (lingers) options.linger = std::chrono::microseconds(50);
  Producer producer(*broker, options);
  std::atomic<int> told{0};
  for (int i = 0; i < 40; ++i) {
    REQUIRE(producer
                .SendAsync("t", RecordOf("v"),
                           [&, i](const absl::Status& status, const Receipt&) {
                             told += status.ok();
                             if (i == 3) throw std::runtime_error("out of paper");
                             if (i == 5) throw 42;
                           })
                .ok());
  }
  CHECK(producer.Flush() == absl::UnknownError("a delivery callback threw: out of paper"));
  CHECK(told == 40);
  CHECK(producer.Flush().ok());
  CHECK(broker->OpenTopic("t")->partition(0).end_offset().value() == Offset(40));
  CHECK(broker->Close().ok());
}

TEST_CASE("Flush waits for a claim that is in the way, without a thread, too") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.durability = Durability::kDisk});
  Producer producer(*broker);
  std::optional<RecordClaim> claim = topic.partition(0).Claim({.value_bytes = 1}).value();
  int told = 0;
  REQUIRE(producer
              .SendAsync(topic, RecordOf("v"),
                         [&](const absl::Status& status, const Receipt&) { told += status.ok(); })
              .ok());
  CHECK(absl::IsDeadlineExceeded(producer.Flush(std::chrono::nanoseconds(0))));
  CHECK(told == 0);
  std::thread other([&] { std::move(*claim).Commit(); });
  CHECK(producer.Flush().ok());
  CHECK(told == 1);
  other.join();
}

TEST_CASE("A callback is refused where it would wait for its own end") {
  const Durability durability =
      GENERATE(Durability::kProcess, Durability::kInterval, Durability::kDisk);
  const bool lingers = GENERATE(false, true);
  SimulatedFileSystem disk;
  const auto broker = OpenWithThreads(disk);
  REQUIRE(broker->CreateTopic("t", {.durability = durability}).ok());
  ProducerOptions options;
  if (lingers) options.linger = std::chrono::microseconds(50);
  Producer producer(*broker, options);
  absl::Status flushed;
  absl::Status closed;
  REQUIRE(producer
              .SendAsync("t", RecordOf("v"),
                         [&](const absl::Status&, const Receipt&) {
                           flushed = producer.Flush();
                           closed = broker->Close();
                         })
              .ok());
  REQUIRE(producer.Flush().ok());
  CHECK(absl::IsFailedPrecondition(flushed));
  CHECK(absl::IsFailedPrecondition(closed));
  CHECK(broker->OpenTopic("t").ok());
  CHECK(broker->Close().ok());
}

TEST_CASE("A callback closes another broker, which does not wait for it") {
  BrokerFixture one;
  BrokerFixture other;
  one.MakeTopic("t");
  Producer producer(*one);
  absl::Status closed = absl::UnknownError("not called");
  REQUIRE(producer
              .SendAsync("t", RecordOf("v"),
                         [&](const absl::Status&, const Receipt&) { closed = other->Close(); })
              .ok());
  CHECK(closed.ok());
}

TEST_CASE("A callback may destroy its producer; what is gathered is told of nonetheless") {
  const Durability durability = GENERATE(Durability::kProcess, Durability::kDisk);
  const bool lingers = GENERATE(false, true);
  SimulatedFileSystem disk;
  const auto broker = OpenWithThreads(disk);
  REQUIRE(broker->CreateTopic("t", {.partitions = 2, .durability = durability}).ok());
  ProducerOptions options;
  if (lingers) options.linger = std::chrono::milliseconds(1);
  auto producer = std::make_unique<Producer>(*broker, options);
  std::atomic<int> told{0};
  const auto count = [&](const absl::Status& status, const Receipt&) { told += status.ok(); };
  Record record = RecordOf("v");
  if (lingers) {
    record.partition = 1;
    REQUIRE(producer->SendAsync("t", record, count).ok());
  } else {
    ++told;
  }
  record.partition = 0;
  Producer* const sender = producer.get();
  std::atomic<bool> may_go{false};
  std::thread waits;
  const auto sent =
      sender->SendAsync("t", record, [&](const absl::Status& status, const Receipt& to) {
        // At kProcess without linger this is the send itself.
        while (!may_go && (lingers || durability == Durability::kDisk)) std::this_thread::yield();
        producer.reset();
        count(status, to);
      });
  REQUIRE(sent.ok());
  may_go = true;
  while (told < 2) std::this_thread::yield();
  CHECK(broker->Close().ok());
}

TEST_CASE("A handler of a group may flush, but not close its broker") {
  SimulatedFileSystem disk;
  const auto broker = OpenWithThreads(disk);
  REQUIRE(broker->CreateTopic("t", {.durability = Durability::kDisk}).ok());
  Producer producer(*broker);
  REQUIRE(producer.Send("t", RecordOf("v")).ok());
  std::stop_source stop;
  absl::Status flushed;
  absl::Status closed;
  ConsumerGroup group(*broker, "g");
  RunOptions options;
  options.stop = stop.get_token();
  const auto ran = group.Run({"t"}, options, [&](const RecordView&) -> absl::Status {
    flushed = producer.Flush();
    closed = broker->Close();
    stop.request_stop();
    return absl::OkStatus();
  });
  INFO(ran);
  CHECK(ran.ok());
  CHECK(flushed.ok());
  CHECK(absl::IsFailedPrecondition(closed));
}

TEST_CASE("A producer whose thread cannot be started refuses the send, and the next one works") {
  SimulatedFileSystem disk;
  FewThreads few(3);  // those of the broker
  const auto broker = OpenWithThreads(disk, few);
  REQUIRE(broker->CreateTopic("t").ok());
  Producer producer(*broker, {.linger = std::chrono::microseconds(10)});
  std::atomic<int> told{0};
  const auto count = [&](const absl::Status& status, const Receipt&) { told += status.ok(); };
  CHECK(absl::IsResourceExhausted(producer.SendAsync("t", RecordOf("v"), count).status()));
  CHECK(producer.Send("t", RecordOf("w"))->offset() == Offset(0));
  few.Allow(1);
  REQUIRE(producer.SendAsync("t", RecordOf("x"), count).ok());
  REQUIRE(producer.Flush().ok());
  CHECK(told == 1);
}

}  // namespace daybook
