#include "broker/offsets/state_log.h"

#include <map>
#include <string>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/offsets/offset_record.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

constexpr std::string_view kTopic = kOffsetsTopic;  // it has a reserve

StateLog LogOf(BrokerFixture& broker) {
  return StateLog(Access::Core(*broker).catalog(), kTopic, std::int64_t{1} << 20);
}

// What a reader of all of it knows in the end.
std::map<std::string, std::string> Replay(StateLog& log) {
  std::map<std::string, std::string> state;
  REQUIRE(log.Rewind().ok());
  for (;;) {
    const auto batch = log.ReadNext();
    REQUIRE(batch.ok());
    if (batch->empty()) return state;
    for (const RecordView& record : *batch) {
      if (IsControlRecord(record)) continue;  // the broker's own
      state[std::string(*record.key)] = std::string(record.value.value_or(""));
    }
  }
}

}  // namespace

TEST_CASE("A state that was never written has no topic until the first append") {
  BrokerFixture broker;
  StateLog log = LogOf(broker);
  CHECK_FALSE(log.Open().value());
  CHECK(log.log() == nullptr);
  CHECK_FALSE(log.IsSnapshotDue());
  REQUIRE(log.OpenOrCreate().ok());
  REQUIRE(log.Append("a", "1").ok());
  StateLog again = LogOf(broker);
  CHECK(again.Open().value());
}

TEST_CASE("The last record of a key counts, also after a kill") {
  BrokerFixture broker;
  {
    StateLog log = LogOf(broker);
    REQUIRE(log.OpenOrCreate().ok());
    REQUIRE(log.Append("a", "1").ok());
    const std::vector<Record> batch = {{.key = "a", .value = "2"}, {.key = "b", .value = "3"}};
    REQUIRE(log.AppendBatch(batch).ok());
  }
  broker.Kill();
  StateLog log = LogOf(broker);
  REQUIRE(log.Open().value());
  CHECK(Replay(log) == std::map<std::string, std::string>{{"a", "2"}, {"b", "3"}});
}

TEST_CASE("A snapshot is due when several times as much was appended as the last one had") {
  BrokerFixture broker;
  StateLog log = LogOf(broker);
  REQUIRE(log.OpenOrCreate().ok());
  const std::string value(100'000, 'x');
  int appends = 0;
  while (!log.IsSnapshotDue()) {
    REQUIRE(log.Append("a", value).ok());
    REQUIRE(++appends < 1'000);
  }
  CHECK(appends > 50);
  log.StartSnapshot();
  CHECK_FALSE(log.IsSnapshotDue());
  const std::vector<Record> snapshot(40, Record{.key = "a", .value = std::string_view(value)});
  REQUIRE(log.AppendSnapshot(snapshot).ok());
  CHECK_FALSE(log.IsSnapshotDue());
  CHECK(Replay(log).size() == 1);
}

TEST_CASE("What was made durable survives a power cut") {
  BrokerFixture broker;
  {
    StateLog log = LogOf(broker);
    REQUIRE(log.OpenOrCreate().ok());
    REQUIRE(log.Append("a", "1").ok());
    REQUIRE(log.WaitDurable(Soon()).ok());
  }
  broker.CutPower(1);
  StateLog log = LogOf(broker);
  REQUIRE(log.Open().value());
  CHECK(Replay(log).at("a") == "1");
}

}  // namespace daybook
