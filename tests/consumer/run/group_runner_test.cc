#include "consumer/run/group_runner.h"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "support/run_fixture.h"

// What a Run does when it is not alone: rebalances, losses, and the guarantees.

namespace daybook {
namespace {

using std::chrono::milliseconds;

constexpr RetryOptions kAtOnce{.initial_backoff = milliseconds(0), .max_backoff = milliseconds(0)};

std::string NameOf(const RecordView& record) {
  return std::to_string(record.partition) + " " + std::string(record.value);
}

// Polls until the member has so many partitions; what it got meanwhile.
std::vector<std::string> PollUntilAssigned(Consumer& consumer, std::size_t partitions) {
  std::vector<std::string> values;
  const auto deadline = Soon();
  while (consumer.Assignment().size() != partitions &&
         std::chrono::steady_clock::now() < deadline) {
    const auto batch = consumer.Poll(milliseconds(1));
    INFO(batch.status());
    REQUIRE(batch.ok());
    for (const RecordView& record : *batch) values.push_back(NameOf(record));
  }
  REQUIRE(consumer.Assignment().size() == partitions);
  return values;
}
std::vector<std::string> Drain(Consumer& consumer) {
  std::vector<std::string> values;
  for (;;) {
    const auto batch = consumer.Poll({});
    REQUIRE(batch.ok());
    if (batch->empty()) return values;
    for (const RecordView& record : *batch) values.push_back(NameOf(record));
  }
}

}  // namespace

TEST_CASE("A partition that goes to another member is drained and committed first") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 3);
  Notes begun;
  Gate gate;
  RunningGroup run(*broker, {"t"}, {.threads = 8}, [&](const RecordView& record) {
    begun.Add(NameOf(record));
    gate.Pass();
    return absl::OkStatus();
  });
  REQUIRE(begun.Await(6));
  const auto second = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(second->Poll({})->empty());
  CHECK(second->Assignment().empty());
  gate.Open();
  CHECK(PollUntilAssigned(*second, 1).empty());
  const TopicPartition moved = second->Assignment()[0];
  CHECK(second->Committed(moved)->offset == Offset(3));
  CHECK(Drain(*second).empty());
  broker.SendMany("t", moved.partition, 1);
  CHECK(Drain(*second).size() == 1);
  CHECK(run.Stop().ok());
  CHECK(begun.lines().size() == 6);
}

TEST_CASE("A partition that is not drained in time goes all the same, and comes again") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 3);
  Notes begun;
  Gate gate;
  RunningGroup run(
      *broker, {"t"},
      {.threads = 4, .commit_interval = milliseconds(0), .drain_timeout = milliseconds(0)},
      [&](const RecordView& record) {
        begun.Add(NameOf(record));
        gate.Pass();
        return absl::OkStatus();
      });
  REQUIRE(begun.Await(4));  // two are handed out and not begun
  const auto second = ConsumerGroup(*broker, "g").Join({"t"}).value();
  std::vector<std::string> again = PollUntilAssigned(*second, 1);
  const std::vector<std::string> rest = Drain(*second);
  again.insert(again.end(), rest.begin(), rest.end());
  CHECK(again.size() == 3);
  const int moved = second->Assignment()[0].partition;
  gate.Open();
  // What it finishes now is not its own any more.
  CHECK(AwaitCommitted(*broker, "t", 1 - moved, 3) == 3);
  CHECK(run.Stop().ok());
  CHECK(CommittedIn(*broker, "t", moved) == -1);
}

TEST_CASE("A member whose handlers are slow takes part in rebalances") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 10);
  // The first member keeps partition 0, the last one has the other.
  const GroupOptions options{.custom_assignor = [](const AssignorInput& input) {
    Assignments assignments;
    if (input.members.empty()) return assignments;
    assignments[input.members.front().id].push_back({"t", 0});
    assignments[input.members.back().id].push_back({"t", 1});
    return assignments;
  }};
  Notes begun;
  Gate gate;
  RunningGroup run(
      *broker, {"t"}, {.max_in_flight = 1},
      [&](const RecordView& record) {
        begun.Add(NameOf(record));
        gate.Pass();
        return absl::OkStatus();
      },
      options);
  REQUIRE(begun.Await(1));
  {
    const auto second = ConsumerGroup(*broker, "g", options).Join({"t"}).value();
    CHECK(PollUntilAssigned(*second, 1).empty());
    CHECK(second->Assignment()[0].partition == 1);
    CHECK(begun.lines().size() == 1);
  }
  gate.Open();
  broker.SendMany("t", 1, 5);
  REQUIRE(begun.Await(15));
  CHECK(run.Stop().ok());
  CHECK(begun.sorted().size() == 15);
  CHECK(CommittedIn(*broker, "t", 0) == 10);
  CHECK(CommittedIn(*broker, "t", 1) == 5);
}

TEST_CASE("Runs that come and go share the records, and each is handled once") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 6});
  constexpr int kEach = 400;
  Notes notes;
  const Handler handler = [&](const RecordView& record) {
    notes.Add(NameOf(record));
    return absl::OkStatus();
  };
  const RunOptions options{.threads = 3, .max_in_flight = 50};
  {
    std::vector<std::unique_ptr<RunningGroup>> runs;
    for (int round = 0; round < 4; ++round) {
      runs.push_back(
          std::make_unique<RunningGroup>(*broker, std::vector<std::string>{"t"}, options, handler));
      for (int partition = 0; partition < 6; ++partition) {
        broker.SendMany("t", partition, kEach / 4);
      }
      if (round % 2 == 1) {
        CHECK(runs.front()->Stop().ok());
        runs.erase(runs.begin());
      }
    }
    REQUIRE(notes.Await(6 * kEach));
    for (const auto& run : runs) CHECK(run->Stop().ok());
  }
  const std::multiset<std::string> all = notes.sorted();
  CHECK(all.size() == 6 * kEach);
  for (int partition = 0; partition < 6; ++partition) {
    CHECK(CommittedIn(*broker, "t", partition) == kEach);
  }
}

TEST_CASE("A topic that is deleted with records in flight does not end Run") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.MakeTopic("u");
  broker.SendMany("t", 0, 3);
  Notes begun;
  Gate gate;
  RunningGroup run(*broker, {"t", "u"}, {.threads = 2, .commit_interval = milliseconds(0)},
                   [&](const RecordView& record) {
                     begun.Add(std::string(record.topic) + std::string(record.value));
                     if (record.topic == "t") gate.Pass();
                     return absl::OkStatus();
                   });
  REQUIRE(begun.Await(2));
  REQUIRE(broker->DeleteTopic("t").ok());
  gate.Open();
  broker.SendMany("u", 0, 3);
  CHECK(AwaitCommitted(*broker, "u", 0, 3) == 3);
  CHECK(run.Stop().ok());
}

TEST_CASE("A Run whose place another member takes ends, and commits nothing any more") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 2);
  Notes begun;
  Gate gate;
  RunningGroup run(*broker, {"t"}, {.instance_id = "one"}, [&](const RecordView& record) {
    begun.Add(NameOf(record));
    gate.Pass();
    return absl::OkStatus();
  });
  REQUIRE(begun.Await(1));
  const auto second =
      ConsumerGroup(*broker, "g").Join({"t"}, {.instance_id = "one", .listener = {}}).value();
  CHECK(Drain(*second).size() == 2);
  gate.Open();
  const absl::Status result = run.Await();
  INFO(result);
  CHECK(absl::IsAborted(result));
  CHECK(CommittedIn(*broker, "t", 0) == -1);
}

TEST_CASE("At most once: records are committed before they are handled, and none is tried again") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  Notes begun;
  Gate gate;
  RunningGroup run(*broker, {"t"}, {.threads = 2, .retries = kAtOnce, .dead_letter_topic = "dead"},
                   [&](const RecordView& record) -> absl::Status {
                     begun.Add(NameOf(record));
                     gate.Pass();
                     if (record.value == "3") return absl::InternalError("broken");
                     return absl::OkStatus();
                   },
                   {.guarantee = Guarantee::kAtMostOnce});
  REQUIRE(begun.Await(2));
  CHECK(AwaitCommitted(*broker, "t", 0, 10) == 10);
  gate.Open();
  REQUIRE(begun.Await(10));
  CHECK(run.Stop().ok());
  CHECK(begun.sorted().size() == 10);
  CHECK(broker.Values("dead") == std::vector<std::string>{"3"});
}

TEST_CASE("At most once: what is committed is handled before Run ends with an error") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 10);
  Notes begun;
  RunningGroup run(*broker, {"t"}, {.order = RunOrder::kByPartition, .max_in_flight = 3},
                   [&](const RecordView& record) -> absl::Status {
                     begun.Add(NameOf(record));
                     if (record.value == "2") return absl::InternalError("broken");
                     return absl::OkStatus();
                   },
                   {.guarantee = Guarantee::kAtMostOnce});
  CHECK(absl::IsInternal(run.Await()));
  CHECK(begun.lines().size() == 10);
  CHECK(CommittedIn(*broker, "t", 0) == 10);
}

TEST_CASE("A handler of a group may flush, but not close its broker") {
  SimulatedFileSystem disk;
  const auto broker = Broker::Open("/data", {.file_system = &disk}).value();
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

}  // namespace daybook
