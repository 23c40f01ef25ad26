#include "daybook/group_run.h"

#include <atomic>
#include <map>
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

constexpr RetryOptions kAtOnce{.initial_backoff = milliseconds(0), .max_backoff = milliseconds(0)};

Handler NoteValue(Notes& notes) {
  return [&notes](const RecordView& record) {
    notes.Add(std::string(record.value));
    return absl::OkStatus();
  };
}

std::multiset<std::string> Numbers(int count) {
  std::multiset<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.insert(std::to_string(i));
  return numbers;
}

}  // namespace

TEST_CASE("Run handles every record once, commits them all, and ends when it is told") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 2});
  broker.MakeTopic("b");
  broker.SendMany("a", 0, 1000);
  broker.SendMany("a", 1, 1000);
  broker.SendMany("b", 0, 1000);
  Notes notes;
  RunningGroup run(*broker, {"a", "b"}, {.threads = 8}, NoteValue(notes));
  REQUIRE(notes.Await(3000));
  broker.SendMany("b", 0, 1);  // one that comes while nothing is to do
  REQUIRE(notes.Await(3001));
  const auto result = run.Stop();
  INFO(result);
  CHECK(result.ok());
  const auto sorted = notes.sorted();
  CHECK(sorted.size() == 3001);
  CHECK(sorted.count("999") == 3);
  CHECK(sorted.count("0") == 4);
  CHECK(CommittedIn(*broker, "a", 0) == 1000);
  CHECK(CommittedIn(*broker, "a", 1) == 1000);
  CHECK(CommittedIn(*broker, "b", 0) == 1001);
  CHECK(Admin(*broker).DescribeGroup("g")->members.empty());
}

TEST_CASE("Order within a key is kept over many threads, whatever fails in between") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    BrokerFixture broker;
    broker.MakeTopic("t", {.partitions = 3});
    constexpr int kKeys = 40;
    constexpr int kEach = 50;
    for (int i = 0; i < kEach; ++i) {
      for (int key = 0; key < kKeys; ++key) {
        broker.Send("t", "key-" + std::to_string(key), std::to_string(i));
      }
    }
    Notes notes;
    std::atomic<std::uint64_t> calls{seed};
    std::atomic<int> failures{0};
    RunningGroup run(*broker, {"t"},
                     {.threads = 8,
                      .max_in_flight = 300,
                      .retries = {.max_attempts = 1000,
                                  .initial_backoff = milliseconds(0),
                                  .max_backoff = milliseconds(0)}},
                     [&](const RecordView& record) -> absl::Status {
                       const std::uint64_t draw = calls.fetch_add(1) * 0x9e37'79b9'7f4a'7c15;
                       if ((draw >> 60) < 4) {
                         ++failures;
                         return absl::UnavailableError("not now");
                       }
                       notes.Add(std::string(*record.key) + " " + std::string(record.value));
                       return absl::OkStatus();
                     });
    REQUIRE(notes.Await(kKeys * kEach));
    CHECK(run.Stop().ok());
    CHECK(failures > 0);
    std::map<std::string, int> next;
    for (const std::string& line : notes.lines()) {
      const std::size_t space = line.find(' ');
      CHECK(line.substr(space + 1) == std::to_string(next[line.substr(0, space)]++));
    }
    for (const auto& [key, count] : next) CHECK(count == kEach);
  }
}

TEST_CASE("Keys of one partition are handled at the same time, those of one key are not") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  for (int i = 0; i < 3; ++i) broker.Send("t", "a", "a" + std::to_string(i));
  for (int i = 0; i < 3; ++i) broker.Send("t", "b", "b" + std::to_string(i));
  Notes notes;
  Gate gate;
  RunningGroup run(*broker, {"t"}, {.threads = 4}, [&](const RecordView& record) {
    if (record.value == "a0") gate.Pass();
    notes.Add(std::string(record.value));
    return absl::OkStatus();
  });
  REQUIRE(notes.Await(3));
  CHECK(notes.lines() == std::vector<std::string>{"b0", "b1", "b2"});
  gate.Open();
  REQUIRE(notes.Await(6));
  CHECK(run.Stop().ok());
  CHECK(notes.lines() == std::vector<std::string>{"b0", "b1", "b2", "a0", "a1", "a2"});
}

TEST_CASE("Order by partition holds for records of different keys and of none") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 4});
  for (int partition = 0; partition < 4; ++partition) broker.SendMany("t", partition, 300);
  Notes notes;
  RunningGroup run(*broker, {"t"}, {.threads = 4, .order = RunOrder::kByPartition},
                   [&](const RecordView& record) {
                     notes.Add(std::to_string(record.partition) + " " + std::string(record.value));
                     return absl::OkStatus();
                   });
  REQUIRE(notes.Await(1200));
  CHECK(run.Stop().ok());
  std::map<std::string, int> next;
  for (const std::string& line : notes.lines()) {
    CHECK(line.substr(2) == std::to_string(next[line.substr(0, 1)]++));
  }
}

TEST_CASE("What is thrown where a failure is told of ends Run and not the process") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  RunningGroup run(*broker, {"t"},
                   {.on_failure = [](const RecordView&, const absl::Status&,
                                     int) { throw std::runtime_error("no log"); },
                    .dead_letter_topic = "dead"},
                   [&](const RecordView& record) -> absl::Status {
                     if (record.value == "1") return absl::NotFoundError("no such user");
                     return absl::OkStatus();
                   });
  CHECK(run.Await() == absl::UnknownError("RunOptions::on_failure threw: no log"));
  CHECK(CommittedIn(*broker, "t", 0) == 1);
}

TEST_CASE("A record that keeps failing ends Run, which commits what was finished before it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  Notes failures;
  RunningGroup run(*broker, {"t"},
                   {.order = RunOrder::kByPartition,
                    .retries = {.max_attempts = 3,
                                .initial_backoff = milliseconds(0),
                                .max_backoff = milliseconds(0)},
                    .on_failure =
                        [&](const RecordView& record, const absl::Status& status, int attempt) {
                          failures.Add(std::string(record.value) + " " + std::to_string(attempt) +
                                       " " + std::string(status.message()));
                        }},
                   [&](const RecordView& record) -> absl::Status {
                     if (record.value == "5") return absl::NotFoundError("no such user");
                     return absl::OkStatus();
                   });
  const absl::Status result = run.Await();
  CHECK(absl::IsNotFound(result));
  INFO(result);
  for (const std::string part : {"t-0", "offset 5", "3 times", "no such user", "dead_letter"}) {
    CHECK(std::string(result.message()).find(part) != std::string::npos);
  }
  CHECK(failures.lines() ==
        std::vector<std::string>{"5 1 no such user", "5 2 no such user", "5 3 no such user"});
  CHECK(CommittedIn(*broker, "t", 0) == 5);
  // It comes again, with what was behind it.
  Notes notes;
  RunningGroup again(*broker, {"t"}, {}, NoteValue(notes));
  REQUIRE(notes.Await(5));
  CHECK(again.Stop().ok());
  CHECK(notes.sorted() == std::multiset<std::string>{"5", "6", "7", "8", "9"});
}

TEST_CASE("What keeps failing goes to the dead-letter topic with its cause, and the rest goes on") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 20);
  broker.SendMany("t", 1, 20);
  Notes notes;
  RunningGroup run(*broker, {"t"},
                   {.threads = 4, .retries = kAtOnce, .dead_letter_topic = "t.dead"},
                   [&](const RecordView& record) -> absl::Status {
                     notes.Add(std::string(record.value));
                     if (record.value == "7" && record.partition == 1) {
                       throw std::runtime_error("out of paper");
                     }
                     return absl::OkStatus();
                   });
  REQUIRE(notes.Await(49));  // one of them ten times
  CHECK(run.Stop().ok());
  CHECK(CommittedIn(*broker, "t", 0) == 20);
  CHECK(CommittedIn(*broker, "t", 1) == 20);
  const RecordBatch letters = broker->OpenTopic("t.dead")->partition(0).Read(Offset(0)).value();
  REQUIRE(letters.size() == 1);
  const RecordView letter = *letters.begin();
  CHECK(letter.value == "7");
  CHECK(letter.headers.Last("daybook.dead.topic") == "t");
  CHECK(letter.headers.Last("daybook.dead.partition") == "1");
  CHECK(letter.headers.Last("daybook.dead.offset") == "7");
  CHECK(letter.headers.Last("daybook.dead.cause") == "UNKNOWN: the handler threw: out of paper");
  CHECK(letter.headers.Last("daybook.dead.attempts") == "10");
}

TEST_CASE("A dead letter that cannot be written ends Run, and the record is not committed") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 1});
  broker.MakeTopic("small", {.max_record_bytes = 100});
  broker.SendMany("t", 0, 1);
  RunningGroup run(*broker, {"t"}, {.retries = kAtOnce, .dead_letter_topic = "small"},
                   [](const RecordView&) { return absl::InternalError(std::string(200, 'x')); });
  const absl::Status result = run.Await();
  INFO(result);
  CHECK(absl::IsInvalidArgument(result));
  CHECK(std::string(result.message()).find("small") != std::string::npos);
  CHECK(CommittedIn(*broker, "t", 0) <= 0);
}

TEST_CASE("Run ends while a record waits for its next attempt, and leaves it to the next Run") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.Send("t", "a", "0");
  broker.Send("t", "b", "1");
  broker.Send("t", "b", "2");
  Notes notes;
  const RetryOptions slow{.initial_backoff = std::chrono::hours(1),
                          .max_backoff = std::chrono::hours(1)};
  {
    RunningGroup run(*broker, {"t"}, {.retries = slow}, [&](const RecordView& record) {
      notes.Add(std::string(record.value));
      return record.value == "1" ? absl::UnavailableError("not now") : absl::OkStatus();
    });
    REQUIRE(notes.Await(2));
    CHECK(run.Stop().ok());
  }
  CHECK(notes.sorted() == std::multiset<std::string>{"0", "1"});
  CHECK(CommittedIn(*broker, "t", 0) == 1);
}

TEST_CASE("A record that waits for its next attempt does not hold up the other keys") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  for (int i = 0; i < 5; ++i) broker.Send("t", "key-" + std::to_string(i), std::to_string(i));
  Notes notes;
  const RetryOptions slow{.initial_backoff = std::chrono::seconds(5), .jitter = 0};
  // One worker: the wait is not its own.
  RunningGroup run(
      *broker, {"t"}, {.retries = slow},
      [&, failures = 0](const RecordView& record) mutable {
        if (record.value == "0" && failures++ == 0) return absl::UnavailableError("not now");
        notes.Add(std::string(record.value));
        return absl::OkStatus();
      },
      {.max_poll_interval = std::chrono::hours(1'000'000)});  // the clock is moved a lot
  REQUIRE(notes.Await(4));
  CHECK(notes.sorted().count("0") == 0);
  while (notes.lines().size() < 5) broker.clock().Advance(std::chrono::seconds(5));
  CHECK(run.Stop().ok());
  CHECK(notes.sorted() == Numbers(5));
  CHECK(CommittedIn(*broker, "t", 0) == 5);
}

TEST_CASE("No more records are in flight than are allowed") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 300);
  broker.SendMany("t", 1, 300);
  Notes begun;
  Gate gate;
  RunningGroup run(*broker, {"t"}, {.threads = 16, .max_in_flight = 5},
                   [&](const RecordView& record) {
                     begun.Add(std::string(record.value));
                     gate.Pass();
                     return absl::OkStatus();
                   });
  REQUIRE(begun.Await(5));
  CHECK(begun.lines().size() == 5);
  gate.Open();
  REQUIRE(begun.Await(600));
  CHECK(run.Stop().ok());
  CHECK(CommittedIn(*broker, "t", 0) == 300);
  CHECK(CommittedIn(*broker, "t", 1) == 300);
}

TEST_CASE("A partition does not get too far ahead of a record that is not finished") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    REQUIRE(broker->OpenTopic("t")
                ->partition(0)
                .Append({.key = std::string_view(number), .value = std::string_view(number)})
                .ok());
  }
  broker.SendMany("t", 1, 500);
  Gate gate;
  std::atomic<int> handled{0};
  Notes other;
  RunningGroup run(*broker, {"t"},
                   {.threads = 2, .max_ahead = 100, .commit_interval = milliseconds(0)},
                   [&](const RecordView& record) {
                     if (record.partition == 1) {
                       other.Add(std::string(record.value));
                     } else if (record.value == "0") {
                       gate.Pass();
                     }
                     if (record.partition == 0) ++handled;
                     return absl::OkStatus();
                   },
                   {.batch = {.max_records = 50, .max_bytes = 1 << 20}});
  // The other one goes on.
  REQUIRE(other.Await(500));
  CHECK(handled <= 150);
  gate.Open();
  CHECK(AwaitCommitted(*broker, "t", 0, 1000) == 1000);
  CHECK(run.Stop().ok());
  CHECK(handled == 1000);
}

TEST_CASE("What was not finished when the process was killed is handled again, and only that") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  for (int i = 0; i < 10; ++i) broker.Send("t", "key-" + std::to_string(i), std::to_string(i));
  Notes notes;
  Gate gate;
  std::unique_ptr<SimulatedFileSystem> killed;
  {
    RunningGroup run(*broker, {"t"}, {.threads = 2, .commit_interval = milliseconds(0)},
                     [&](const RecordView& record) {
                       if (record.value == "4") gate.Pass();
                       notes.Add(std::string(record.value));
                       return absl::OkStatus();
                     });
    REQUIRE(notes.Await(9));
    // The rest waits for that one, and nothing writes any more.
    CHECK(AwaitCommitted(*broker, "t", 0, 4) == 4);
    killed = broker.disk().Kill();
    gate.Open();
    CHECK(run.Stop().ok());
  }
  auto recovered = Broker::Open(
      "/data",
      {.background = Background::kCaller, .file_system = killed.get(), .clock = &broker.clock()});
  REQUIRE(recovered.ok());
  Notes again;
  RunningGroup run(**recovered, {"t"}, {}, NoteValue(again));
  REQUIRE(again.Await(6));
  CHECK(run.Stop().ok());
  CHECK(again.sorted() == std::multiset<std::string>{"4", "5", "6", "7", "8", "9"});
}

TEST_CASE("What Run cannot do is refused, with what to do") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  ConsumerGroup group(*broker, "g");
  const Handler handler = [](const RecordView&) { return absl::OkStatus(); };
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.threads = 0}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.threads = 100'000}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.max_in_flight = 0}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.max_ahead = 0}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.retries = {.max_attempts = 0}}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.retries = {.jitter = 1.5}}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.commit_interval = milliseconds(-1)}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {}, Handler())));
  CHECK(absl::IsInvalidArgument(group.Run({"t"}, {.dead_letter_topic = "t"}, handler)));
  CHECK(absl::IsInvalidArgument(group.Run({}, {}, handler)));
  CHECK(absl::IsNotFound(group.Run({"u"}, {}, handler)));
  ConsumerGroup exact(*broker, "g", {.guarantee = Guarantee::kExactlyOnce});
  CHECK(absl::IsInvalidArgument(exact.Run({"t"}, {}, handler)));
  // Stopped before it began: it has not joined.
  std::stop_source stop;
  stop.request_stop();
  CHECK(group.Run({"t"}, {.stop = stop.get_token()}, handler).ok());
  CHECK(Admin(*broker).ListGroups().value().empty());
}

}  // namespace daybook
