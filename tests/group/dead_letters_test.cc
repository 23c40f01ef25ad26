#include "group/dead_letters.h"

#include <map>
#include <string>

#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

RecordBatch ReadAll(Broker& broker, std::string_view topic, int partition = 0) {
  const auto batch = broker.OpenTopic(topic)->partition(partition).Read(Offset(0));
  INFO(batch.status());
  REQUIRE(batch.ok());
  return *batch;
}

}  // namespace

TEST_CASE("A dead letter is the record, and where it came from and why") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 2});
  const Header own[] = {{"trace", "7"}, {"empty", std::nullopt}};
  const Timestamp when(std::chrono::seconds(123));
  REQUIRE(topic.partition(1)
              .Append({.key = "k", .value = "v", .headers = own, .timestamp = when})
              .ok());
  REQUIRE(topic.partition(1).Append({.key = "gone"}).ok());
  const auto dead = DeadLetters::Open(broker->core(), "t.dead", {"t"});
  REQUIRE(dead.ok());
  for (const RecordView& record : ReadAll(*broker, "t", 1)) {
    REQUIRE(dead->Append(record, absl::NotFoundError("no such user"), 3).ok());
  }
  const RecordBatch batch = ReadAll(*broker, "t.dead");
  const std::vector<RecordView> letters(batch.begin(), batch.end());
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].key == "k");
  CHECK(letters[0].value == "v");
  CHECK(letters[0].timestamp == when);
  std::map<std::string, std::optional<std::string>> headers;
  for (const Header& header : letters[0].headers) {
    headers[std::string(header.name)] = header.value;
  }
  CHECK(headers == std::map<std::string, std::optional<std::string>>{
                       {"trace", "7"},
                       {"empty", std::nullopt},
                       {"daybook.dead.topic", "t"},
                       {"daybook.dead.partition", "1"},
                       {"daybook.dead.offset", "0"},
                       {"daybook.dead.cause", "NOT_FOUND: no such user"},
                       {"daybook.dead.attempts", "3"}});
  CHECK(letters[1].is_tombstone);
  CHECK(letters[1].headers.Last("daybook.dead.offset") == "1");
}

TEST_CASE("A dead letter of a transaction is there when that is committed, in the same partition") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 3});
  REQUIRE(topic.partition(2).Append(RecordOf("k", "v")).ok());
  broker.MakeTopic("dead", {.partitions = 2});
  const auto dead = DeadLetters::Open(broker->core(), "dead", {"t"});
  REQUIRE(dead.ok());
  Transaction transaction = Transaction::Begin(*broker).value();
  for (const RecordView& record : ReadAll(*broker, "t", 2)) {
    REQUIRE(dead->Send(transaction, record, absl::NotFoundError("no such user"), 3).ok());
  }
  CHECK(broker.Values("dead").empty());
  REQUIRE(transaction.Commit().ok());
  const RecordBatch letters = ReadAll(*broker, "dead", 0);
  REQUIRE(letters.size() == 1);
  CHECK((*letters.begin()).headers.Last("daybook.dead.cause") == "NOT_FOUND: no such user");
  CHECK((*letters.begin()).headers.Last("daybook.dead.partition") == "2");
}

TEST_CASE("A long cause is cut") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 1);
  const auto dead = DeadLetters::Open(broker->core(), "t.dead", {"t"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "t");
  REQUIRE(dead->Append(*batch.begin(), absl::InternalError(std::string(5 << 20, 'x')), 1).ok());
  const RecordBatch letters = ReadAll(*broker, "t.dead");
  CHECK(letters.begin()->headers.Last("daybook.dead.cause")->size() == 1000);
}

TEST_CASE("A dead-letter topic is created to suit its sources, or taken as it is") {
  BrokerFixture broker;
  broker.MakeTopic("small", {.durability = Durability::kDisk, .segment_bytes = 1 << 20});
  broker.MakeTopic("large",
                   {.flush_interval = std::chrono::milliseconds(7), .segment_bytes = 128 << 20});
  REQUIRE(DeadLetters::Open(broker->core(), "dead", {"small", "large"}).ok());
  const TopicOptions options = broker->OpenTopic("dead")->options();
  CHECK(options.partitions == 1);
  CHECK(options.durability == Durability::kDisk);
  CHECK(options.flush_interval == std::chrono::milliseconds(7));
  CHECK(options.max_record_bytes == 32 << 20);
  // As it is: with several partitions a record keeps to the one of its own number.
  broker.MakeTopic("many", {.partitions = 4});
  broker.MakeTopic("two", {.partitions = 2});
  broker.SendMany("many", 3, 1);
  const auto dead = DeadLetters::Open(broker->core(), "two", {"many"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "many", 3);
  REQUIRE(dead->Append(*batch.begin(), absl::InternalError(""), 1).ok());
  CHECK(ReadAll(*broker, "two", 1).size() == 1);
}

TEST_CASE("A dead-letter topic that cannot be is refused") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  CHECK(absl::IsInvalidArgument(DeadLetters::Open(broker->core(), "t", {"t"}).status()));
  CHECK(absl::IsInvalidArgument(DeadLetters::Open(broker->core(), "__dead", {"t"}).status()));
  CHECK(absl::IsNotFound(DeadLetters::Open(broker->core(), "dead", {"u"}).status()));
  CHECK(absl::IsNotFound(broker->OpenTopic("dead").status()));
}

}  // namespace daybook
