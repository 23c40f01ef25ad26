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
  std::optional<Chain> chain;  // told of until the producer is gone
  Producer producer(*broker, options);
  chain.emplace(producer, 200);
  chain->Start(4);
  while (chain->told() < 200) std::this_thread::yield();
  CHECK(chain->failed() == 0);
}

TEST_CASE("Flush waits for what was sent before it, not for what callbacks send meanwhile") {
  const bool lingers = GENERATE(false, true);
  BrokerFixture broker;
  broker.MakeTopic("t", {.durability = Durability::kDisk});
  ProducerOptions options;
  options.max_in_flight = 4;
  if (lingers) options.linger = std::chrono::hours(1);
  std::optional<Chain> chain;  // told of until the producer is gone
  Producer producer(*broker, options);
  chain.emplace(producer, 100);
  chain->Start(3);
  CHECK(producer.Flush(std::chrono::hours::max()).ok());
  CHECK(chain->told() >= 3);
  CHECK(chain->told() < 50);
  CHECK(chain->failed() == 0);
  const int told = chain->told();
  CHECK(producer.Flush().ok());
  CHECK(chain->told() >= told + 3);
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

TEST_CASE("A callback may destroy its producer within each call that tells it") {
  enum class Call { kFlush, kSendAsync, kSend, kSendOnce };
  struct Case {
    Call call;
    Durability durability;
    ProducerOptions options;
    Background background = Background::kCaller;
  };
  const TimeSpan hour = std::chrono::hours(1);
  const TimeSpan no_time = std::chrono::nanoseconds(1);
  const Case cases[] = {
      {Call::kFlush, Durability::kProcess, {.linger = hour}, Background::kThread},
      {Call::kFlush, Durability::kDisk, {.linger = hour}, Background::kThread},
      {Call::kFlush, Durability::kDisk, {}},
      {Call::kFlush, Durability::kDisk, {.linger = hour}},
      {Call::kSendAsync, Durability::kProcess, {}},
      {Call::kSendAsync, Durability::kProcess, {.linger = hour, .buffer_bytes = 1}},
      {Call::kSendAsync, Durability::kProcess, {.linger = hour, .batch_bytes = 1}},
      {Call::kSendAsync, Durability::kProcess, {.linger = no_time}},
      // Those that wait for room.
      {Call::kSendAsync, Durability::kDisk, {.max_in_flight = 1}},
      {Call::kSendAsync, Durability::kDisk, {.max_in_flight = 1, .linger = hour}},
      {Call::kSendAsync, Durability::kProcess, {.max_in_flight = 1, .linger = hour}},
      {Call::kSend, Durability::kProcess, {.linger = hour}},
      {Call::kSendOnce, Durability::kProcess, {.name = "p", .linger = hour}},
  };
  for (const Case& one : cases) {
    INFO(&one - cases);
    SimulatedFileSystem disk;
    BrokerOptions broker_options;
    broker_options.background = one.background;
    broker_options.file_system = &disk;
    const auto broker = Broker::Open("/data", broker_options).value();
    REQUIRE(broker->CreateTopic("t", {.partitions = 2, .durability = one.durability}).ok());
    auto producer = std::make_unique<Producer>(*broker, one.options);
    Producer* const sender = producer.get();
    std::atomic<int> told{0};
    const auto destroy = [&](const absl::Status& status, const Receipt&) {
      producer.reset();
      told += status.ok();
    };
    Record record = RecordOf("v");
    record.partition = 0;
    REQUIRE(sender->SendAsync("t", record, destroy).ok());
    int sent = 1;
    if (producer != nullptr && one.call == Call::kFlush) {
      CHECK(sender->Flush().ok());
    } else if (producer != nullptr && one.call == Call::kSendAsync) {
      CHECK(sender->SendAsync("t", record, destroy).ok());
      ++sent;
    } else if (producer != nullptr && one.call == Call::kSend) {
      CHECK(sender->Send("t", record)->offset() == Offset(1));
    } else if (producer != nullptr) {
      CHECK(sender->SendOnce("t", record, 7)->offset() == Offset(1));
    }
    CHECK(broker->Close().ok());
    CHECK(producer == nullptr);
    CHECK(told == sent);
  }
}

TEST_CASE("Sends and flushes of several threads come to an end, however long records may linger") {
  const Durability durability = GENERATE(Durability::kProcess, Durability::kDisk);
  SimulatedFileSystem disk;
  const auto broker = OpenWithThreads(disk);
  REQUIRE(broker->CreateTopic("t", {.partitions = 2, .durability = durability}).ok());
  Producer producer(*broker, {.max_in_flight = 3, .linger = std::chrono::hours(1)});
  std::atomic<int> told{0};
  std::atomic<int> refused{0};
  const auto send = [&] {
    for (int i = 0; i < 500; ++i) {
      const auto count = [&](const absl::Status& status, const Receipt&) { told += status.ok(); };
      refused += !producer.SendAsync("t", RecordOf("v"), count).ok();
    }
  };
  std::atomic<bool> is_over{false};
  std::thread flusher([&] {
    while (!is_over) refused += !producer.Flush().ok();
  });
  std::thread other(send);
  send();
  other.join();
  is_over = true;
  flusher.join();
  CHECK(producer.Flush().ok());
  CHECK(refused == 0);
  CHECK(told == 1000);
}

TEST_CASE("A send that waits for room takes no failure of another one away from Flush") {
  const bool lingers = GENERATE(false, true);
  BrokerFixture broker;
  broker.MakeTopic("bad", {.durability = Durability::kDisk});
  broker.MakeTopic("good", {.durability = Durability::kDisk});
  ProducerOptions options{.max_in_flight = 1};
  if (lingers) options.linger = std::chrono::hours(1);
  Producer producer(*broker, options);
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool fails = operation == SimulatedFileSystem::Operation::kSync &&
                       path.find("bad-0") != std::string::npos;
    return fails ? absl::DataLossError("broken") : absl::OkStatus();
  });
  REQUIRE(producer.SendAsync("bad", RecordOf("v")).ok());
  CHECK(producer.SendAsync("good", RecordOf("v")).ok());
  CHECK(absl::IsDataLoss(producer.Flush()));
  CHECK(producer.Flush().ok());
}

TEST_CASE("Flush says nothing of a sync of records that are none of its producer's") {
  BrokerFixture broker;
  broker.MakeTopic("bad", {.durability = Durability::kInterval});
  broker.MakeTopic("good", {.durability = Durability::kDisk});
  Producer producer(*broker, {.max_in_flight = 1});
  int failed = 0;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool fails = operation == SimulatedFileSystem::Operation::kSync &&
                       path.find("bad-0") != std::string::npos;
    failed += fails;
    return fails ? absl::DataLossError("broken") : absl::OkStatus();
  });
  broker.Send("bad", "k", "v");
  for (int i = 0; i < 3; ++i) {
    CHECK(producer.SendAsync("good", RecordOf("v")).ok());
    CHECK(producer.SendAsync("good", RecordOf("v")).ok());
    CHECK(producer.Flush().ok());
  }
  CHECK(failed > 0);
}

TEST_CASE("A producer whose thread cannot be started refuses the send, and the next one works") {
  SimulatedFileSystem disk;
  FewThreads few(4);  // those of the broker
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
