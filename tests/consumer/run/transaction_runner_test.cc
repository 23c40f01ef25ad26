#include "consumer/run/transaction_runner.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/admin.h"
#include "support/run_fixture.h"

namespace daybook {
namespace {

using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

constexpr RetryOptions kAtOnce{
    .max_attempts = 1000, .initial_backoff = milliseconds(0), .max_backoff = milliseconds(0)};
const GroupOptions kExact{.guarantee = Guarantee::kExactlyOnce};

std::string NameOf(const RecordView& record) {
  return std::to_string(record.partition) + "/" + std::string(record.value);
}

absl::Status Copy(const RecordView& record, Transaction& transaction) {
  return transaction.Send("out", RecordOf(NameOf(record)));
}

// Three partitions of "in", with as many records each.
std::multiset<std::string> Fill(BrokerFixture& broker, int each) {
  broker.MakeTopic("in", {.partitions = 3});
  broker.MakeTopic("out", {.partitions = 2});
  std::multiset<std::string> names;
  for (int partition = 0; partition < 3; ++partition) {
    broker.SendMany("in", partition, each);
    for (int i = 0; i < each; ++i) {
      names.insert(std::to_string(partition) + "/" + std::to_string(i));
    }
  }
  return names;
}

std::multiset<std::string> Sorted(const Strings& values) { return {values.begin(), values.end()}; }

// Waits until so many records are in the topic; what is there then.
Strings AwaitValues(Broker& broker, std::string_view topic, std::size_t count) {
  auto reader = Reader::Open(broker, topic).value();
  const auto deadline = Soon();
  Strings values;
  while (values.size() < count && std::chrono::steady_clock::now() < deadline) {
    const auto batch = reader.Poll(milliseconds(100)).value();
    for (const RecordView& record : batch) values.emplace_back(record.value);
  }
  return values;
}

// Fails one time in five, and sometimes only after it has sent.
class Unreliable {
 public:
  explicit Unreliable(std::uint64_t seed) : calls_(seed) {}
  absl::Status operator()(const RecordView& record, Transaction& transaction) {
    const std::uint64_t draw = (calls_.fetch_add(1) * 0x9e37'79b9'7f4a'7c15) >> 60;
    if (draw == 0) return absl::UnavailableError("before it was sent");
    const absl::Status sent = Copy(record, transaction);
    return draw < 3 ? absl::UnavailableError("after it was sent") : sent;
  }

 private:
  std::atomic<std::uint64_t> calls_;
};

}  // namespace

TEST_CASE("What is thrown where a failure is told of ends a Run of transactions") {
  BrokerFixture broker;
  Fill(broker, 5);
  RunningGroup run(
      *broker, {"in"},
      {.on_failure = [](const RecordView&, const absl::Status&,
                        int) { throw std::runtime_error("no log"); },
       .dead_letter_topic = "dead"},
      [](const RecordView&, Transaction&) { return absl::NotFoundError("no such user"); }, kExact);
  CHECK(run.Await() == absl::UnknownError("RunOptions::on_failure threw: no log"));
}

TEST_CASE("Exactly once: each input is once in the output, however often the handler fails") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    BrokerFixture broker;
    const auto names = Fill(broker, 200);
    Unreliable handler(seed);
    RunningGroup run(
        *broker, {"in"}, {.threads = 3, .retries = kAtOnce},
        [&](const RecordView& record, Transaction& transaction) {
          return handler(record, transaction);
        },
        kExact);
    CHECK(AwaitValues(*broker, "out", names.size()).size() == names.size());
    const auto result = run.Stop();
    INFO(result);
    CHECK(result.ok());
    CHECK(Sorted(broker.Values("out")) == names);
    for (int partition = 0; partition < 3; ++partition) {
      CHECK(CommittedIn(*broker, "in", partition) == 200);
    }
    CHECK(Admin(*broker).DescribeGroup("g")->members.empty());
  }
}

TEST_CASE("Exactly once: a kill in the middle of transactions loses and repeats nothing") {
  for (const int kill_at : {1, 100, 250, 500}) {
    BrokerFixture broker;
    const auto names = Fill(broker, 200);
    Unreliable handler(static_cast<std::uint64_t>(kill_at));
    std::atomic<int> calls{0};
    std::unique_ptr<SimulatedFileSystem> killed;
    GroupOptions group = kExact;
    group.batch.max_records = 20;
    {
      Notes kills;
      RunningGroup run(
          // One member: what is killed is then one moment, since nobody else writes.
          *broker, {"in"}, {.threads = 1, .retries = kAtOnce},
          [&](const RecordView& record, Transaction& transaction) {
            const auto status = handler(record, transaction);
            if (++calls == kill_at) {
              killed = broker.disk().Kill();
              kills.Add("now");
            }
            return status;
          },
          group);
      REQUIRE(kills.Await(1));
      CHECK(run.Stop().ok());
    }
    BrokerFixture after(std::move(killed));
    RunningGroup run(
        *after, {"in"}, {.threads = 2, .retries = kAtOnce},
        [&](const RecordView& record, Transaction& transaction) {
          return handler(record, transaction);
        },
        group);
    CHECK(AwaitValues(*after, "out", names.size()).size() == names.size());
    CHECK(run.Stop().ok());
    CHECK(Sorted(after.Values("out")) == names);
  }
}

TEST_CASE("Exactly once: a record that keeps failing is a dead letter of the same transaction") {
  BrokerFixture broker;
  const auto names = Fill(broker, 20);
  RetryOptions retries = kAtOnce;
  retries.max_attempts = 3;
  Notes failures;
  std::unique_ptr<SimulatedFileSystem> killed;
  RunningGroup run(
      *broker, {"in"},
      {.threads = 1,
       .retries = retries,
       .on_failure =
           [&](const RecordView&, const absl::Status&, int attempt) {
             failures.Add(std::to_string(attempt));
             // Neither the letter nor anything else of the record is anywhere yet.
             if (attempt == 3) killed = broker.disk().Kill();
           },
       .dead_letter_topic = "dead"},
      [&](const RecordView& record, Transaction& transaction) {
        const auto status = Copy(record, transaction);
        return NameOf(record) == "1/7" ? absl::NotFoundError("no such user") : status;
      },
      kExact);
  CHECK(AwaitValues(*broker, "out", names.size() - 1).size() == names.size() - 1);
  CHECK(AwaitValues(*broker, "dead", 1) == Strings{"7"});
  CHECK(run.Stop().ok());
  CHECK(failures.lines() == Strings{"1", "2", "3"});
  CHECK(broker.Values("out").size() == names.size() - 1);
  const RecordBatch letters = broker->OpenTopic("dead")->partition(0).Read(Offset(0)).value();
  REQUIRE(letters.size() == 1);
  const RecordView letter = *letters.begin();
  CHECK(letter.headers.Last("daybook.dead.topic") == "in");
  CHECK(letter.headers.Last("daybook.dead.partition") == "1");
  CHECK(letter.headers.Last("daybook.dead.offset") == "7");
  CHECK(letter.headers.Last("daybook.dead.cause") == "NOT_FOUND: no such user");
  CHECK(letter.headers.Last("daybook.dead.attempts") == "3");
  CHECK(CommittedIn(*broker, "in", 1) == 20);
  BrokerFixture after(std::move(killed));
  CHECK(after.Values("dead").empty());
  CHECK(CommittedIn(*after, "in", 1) <= 7);
}

TEST_CASE("Exactly once: without a dead-letter topic a record that keeps failing ends Run") {
  BrokerFixture broker;
  Fill(broker, 20);
  RetryOptions retries = kAtOnce;
  retries.max_attempts = 2;
  RunningGroup run(
      *broker, {"in"}, {.threads = 2, .retries = retries},
      [](const RecordView& record, Transaction& transaction) {
        if (NameOf(record) == "1/7") throw std::runtime_error("out of paper");
        return Copy(record, transaction);
      },
      kExact);
  const absl::Status result = run.Await();
  INFO(result);
  CHECK(absl::IsUnknown(result));
  for (const std::string part : {"in-1", "offset 7", "2 times", "out of paper", "dead_letter"}) {
    CHECK(std::string(result.message()).find(part) != std::string::npos);
  }
  // What was before it is committed, once.
  CHECK(CommittedIn(*broker, "in", 1) == 7);
  const Strings values = broker.Values("out");
  CHECK(std::count(values.begin(), values.end(), "1/6") == 1);
  CHECK(std::count(values.begin(), values.end(), "1/7") == 0);
}

TEST_CASE("Exactly once: a batch that is too much for a transaction is committed in several") {
  BrokerFixture broker;
  const auto names = Fill(broker, 50);
  Notes failures;
  RunningGroup run(*broker, {"in"},
                   {.on_failure = [&](const RecordView&, const absl::Status& status,
                                      int) { failures.Add(status.ToString()); },
                    .max_transaction_bytes = 1000},
                   Copy, kExact);
  CHECK(AwaitValues(*broker, "out", names.size()).size() == names.size());
  CHECK(run.Stop().ok());
  CHECK(Sorted(broker.Values("out")) == names);
  CHECK(failures.lines().empty());
}

TEST_CASE("Exactly once: a record that alone is too much for a transaction is a failure") {
  BrokerFixture broker;
  Fill(broker, 2);
  RetryOptions retries = kAtOnce;
  retries.max_attempts = 2;
  RunningGroup run(*broker, {"in"}, {.retries = retries, .max_transaction_bytes = 10}, Copy,
                   kExact);
  CHECK(absl::IsResourceExhausted(run.Await()));
  CHECK(broker.Values("out").empty());
}

TEST_CASE("Exactly once: a partition waits for its record's next attempt, and others go on") {
  BrokerFixture broker;
  const auto names = Fill(broker, 10);
  GroupOptions group = kExact;
  group.max_poll_interval = std::chrono::hours(1'000'000);  // the clock is moved a lot
  std::atomic<int> failures{0};
  RunningGroup run(
      *broker, {"in"}, {.retries = {.initial_backoff = std::chrono::seconds(5), .jitter = 0}},
      [&](const RecordView& record, Transaction& transaction) {
        if (NameOf(record) == "1/4" && failures++ == 0) return absl::UnavailableError("not now");
        return Copy(record, transaction);
      },
      group);
  CHECK(AwaitValues(*broker, "out", 24).size() == 24);  // and four of that partition
  CHECK(failures == 1);
  CHECK(broker.Values("out").size() == 24);
  broker.clock().Advance(std::chrono::seconds(5));
  CHECK(AwaitValues(*broker, "out", 30).size() == 30);
  CHECK(run.Stop().ok());
  CHECK(Sorted(broker.Values("out")) == names);
}

TEST_CASE(
    "Exactly once: what a member did that was lost meanwhile is done by it or its successor") {
  BrokerFixture broker;
  const auto names = Fill(broker, 10);
  GroupOptions group = kExact;
  group.max_poll_interval = std::chrono::seconds(10);
  std::atomic<bool> was_slow{false};
  RunningGroup run(
      *broker, {"in"}, {},
      [&](const RecordView& record, Transaction& transaction) {
        if (NameOf(record) == "1/4" && !was_slow.exchange(true)) {
          broker.clock().Advance(std::chrono::seconds(11));
          // Somebody notices.
          ConsumerGroup(*broker, "g", kExact).Join({"out"}).value()->Leave().IgnoreError();
        }
        return Copy(record, transaction);
      },
      group);
  CHECK(AwaitValues(*broker, "out", names.size()).size() == names.size());
  const auto result = run.Stop();
  INFO(result);
  CHECK(result.ok());
  CHECK(Sorted(broker.Values("out")) == names);
}

TEST_CASE("Exactly once: a stop ends with the batch under way, or at once after drain_timeout") {
  for (const milliseconds timeout : {milliseconds(10'000), milliseconds(0)}) {
    BrokerFixture broker;
    broker.MakeTopic("in");
    broker.MakeTopic("out");
    broker.SendMany("in", 0, 10);
    Notes notes;
    Gate gate;
    RunningGroup run(
        *broker, {"in"}, {.drain_timeout = timeout},
        [&](const RecordView& record, Transaction& transaction) {
          notes.Add(std::string(record.value));
          if (record.value == "3") gate.Pass();
          return Copy(record, transaction);
        },
        kExact);
    REQUIRE(notes.Await(4));
    run.RequestStop();
    gate.Open();
    CHECK(run.Await().ok());
    const int handled = timeout == milliseconds(0) ? 4 : 10;
    CHECK(broker.Values("out").size() == static_cast<std::size_t>(handled));
    CHECK(CommittedIn(*broker, "in", 0) == handled);
    CHECK(Admin(*broker).DescribeGroup("g")->members.empty());
  }
}

TEST_CASE("Exactly once: what Run cannot do is refused, with what to do") {
  BrokerFixture broker;
  Fill(broker, 1);
  for (const Guarantee guarantee : {Guarantee::kAtLeastOnce, Guarantee::kAtMostOnce}) {
    const auto status = ConsumerGroup(*broker, "g", {.guarantee = guarantee}).Run({"in"}, {}, Copy);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()).find("kExactlyOnce") != std::string::npos);
  }
  ConsumerGroup group(*broker, "g", kExact);
  CHECK(absl::IsInvalidArgument(group.Run({"in"}, {.threads = 0}, Copy)));
  CHECK(absl::IsInvalidArgument(group.Run({"in"}, {.max_transaction_bytes = 0}, Copy)));
  CHECK(absl::IsInvalidArgument(group.Run({"in"}, {}, TransactionHandler())));
  CHECK(absl::IsInvalidArgument(group.Run({"in"}, {.dead_letter_topic = "in"}, Copy)));
  CHECK(absl::IsInvalidArgument(group.Run({}, {}, Copy)));
  CHECK(absl::IsNotFound(group.Run({"absent"}, {.threads = 2}, Copy)));
  std::stop_source stop;
  stop.request_stop();
  CHECK(group.Run({"in"}, {.stop = stop.get_token()}, Copy).ok());
  CHECK(Admin(*broker).ListGroups().value().empty());
}

TEST_CASE(
    "At exactly-once a record over max_transaction_bytes is put aside, and the rest goes on") {
  BrokerFixture broker;
  broker.MakeTopic("in");
  broker.MakeTopic("out");
  broker.SendMany("in", 0, 2);
  const std::string large(200'000, 'x');
  REQUIRE(broker->OpenTopic("in")->partition(0).Append(RecordOf(large)).ok());
  broker.SendMany("in", 0, 2);
  RunningGroup run(*broker, {"in"},
                   {.retries = {.max_attempts = 2,
                                .initial_backoff = std::chrono::milliseconds(0),
                                .max_backoff = std::chrono::milliseconds(0)},
                    .dead_letter_topic = "dead",
                    .max_transaction_bytes = 10'000},
                   TransactionHandler([](const RecordView& record, Transaction& transaction) {
                     return transaction.Send("out", record.ToRecord());
                   }),
                   {.guarantee = Guarantee::kExactlyOnce});
  CHECK(AwaitCommitted(*broker, "in", 0, 5) == 5);
  CHECK(run.Stop().ok());
  CHECK(broker.Values("out").size() == 4);
  CHECK(broker.Values("dead") == std::vector<std::string>{large});
}

}  // namespace daybook
