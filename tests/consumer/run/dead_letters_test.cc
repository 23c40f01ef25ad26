#include "consumer/run/dead_letters.h"

#include <map>
#include <string>

#include "broker/access.h"
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
  const auto dead = DeadLetters::Open(Access::Core(*broker), "t.dead", {"t"});
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
  CHECK(letters[1].is_tombstone());
  CHECK(letters[1].headers.Last("daybook.dead.offset") == "1");
}

TEST_CASE("A dead letter of a transaction is there when that is committed, in the same partition") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 3});
  REQUIRE(topic.partition(2).Append(RecordOf("k", "v")).ok());
  broker.MakeTopic("dead", {.partitions = 2});
  const auto dead = DeadLetters::Open(Access::Core(*broker), "dead", {"t"});
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
  const auto dead = DeadLetters::Open(Access::Core(*broker), "t.dead", {"t"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "t");
  REQUIRE(dead->Append(*batch.begin(), absl::InternalError(std::string(5 << 20, 'x')), 1).ok());
  const RecordBatch letters = ReadAll(*broker, "t.dead");
  CHECK(letters.begin()->headers.Last("daybook.dead.cause")->size() == 1000);
}

TEST_CASE("What does not fit into a dead-letter topic is cut, and it says so") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.MakeTopic("dead", {.max_record_bytes = 10'000});
  const std::string large(20'000, 'x');
  const Header small_header[] = {{"trace", "7"}};
  const Header large_header[] = {{"trace", large}};
  const Topic topic = broker->OpenTopic("t").value();
  const auto append = [&](const Record& record) {
    REQUIRE(topic.partition(0).Append(record).ok());
  };
  append({.key = "k", .value = std::string_view(large).substr(0, 9000), .headers = small_header});
  append({.key = "k", .value = large, .headers = small_header});
  append({.key = "k", .value = large, .headers = large_header});
  append({.key = large, .value = large, .headers = small_header});
  append({.key = large});
  const auto dead = DeadLetters::Open(Access::Core(*broker), "dead", {"t"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "t");
  for (const RecordView& record : batch) {
    REQUIRE(dead->Append(record, absl::InternalError(large), 3).ok());
  }
  const RecordBatch kept = ReadAll(*broker, "dead");
  const std::vector<RecordView> letters(kept.begin(), kept.end());
  REQUIRE(letters.size() == 5);
  const auto cut = [&](std::size_t i) {
    return std::string(letters[i].headers.Last("daybook.dead.cut").value_or("nothing"));
  };
  const auto value = [&](std::size_t i) {
    return "value " + std::to_string(letters[i].value.size()) + " of 20000 bytes";
  };
  CHECK(cut(0) == value(0).replace(value(0).find("20000"), 5, "9000"));
  CHECK(letters[0].value.size() > 8000);
  CHECK(cut(1) == value(1));
  CHECK(letters[1].value.size() > 8000);
  CHECK(letters[1].headers.Last("trace") == "7");
  CHECK(cut(2) == value(2) + ", headers");
  CHECK(letters[2].key == "k");
  CHECK_FALSE(letters[2].headers.Last("trace").has_value());
  CHECK(cut(3) == value(3) + ", headers, key");
  CHECK_FALSE(letters[3].key.has_value());
  CHECK(cut(4) == "headers, key");
  CHECK(letters[4].is_tombstone());
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(letters[i].headers.Last("daybook.dead.offset") == std::to_string(i));
  }
}

TEST_CASE("A record of the largest size goes to a topic that was made with the source's settings") {
  BrokerFixture broker;
  const TopicOptions options{.segment_bytes = 4 << 20};
  const Topic topic = broker.MakeTopic("t", options);
  broker.MakeTopic("dead", options);
  const std::string largest(1 << 20, 'x');
  REQUIRE(topic.partition(0).Append(RecordOf(largest)).ok());
  const auto dead = DeadLetters::Open(Access::Core(*broker), "dead", {"t"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "t");
  REQUIRE(dead->Append(*batch.begin(), absl::InternalError("no"), 1).ok());
  const RecordBatch letters = ReadAll(*broker, "dead");
  CHECK(letters.begin()->value.size() > (1 << 20) - 2000);
  CHECK(letters.begin()->headers.Last("daybook.dead.cut").has_value());
}

TEST_CASE("A dead-letter topic is created to suit its sources, or taken as it is") {
  BrokerFixture broker;
  broker.MakeTopic("small", {.durability = Durability::kDisk, .segment_bytes = 1 << 20});
  broker.MakeTopic("large",
                   {.flush_interval = std::chrono::milliseconds(7), .segment_bytes = 128 << 20});
  REQUIRE(DeadLetters::Open(Access::Core(*broker), "dead", {"small", "large"}).ok());
  const TopicOptions options = broker->OpenTopic("dead")->options();
  CHECK(options.partitions == 1);
  CHECK(options.durability == Durability::kDisk);
  CHECK(options.flush_interval == std::chrono::milliseconds(7));
  CHECK(options.max_record_bytes == 32 << 20);
  // As it is: with several partitions a record keeps to the one of its own number.
  broker.MakeTopic("many", {.partitions = 4});
  broker.MakeTopic("two", {.partitions = 2});
  broker.SendMany("many", 3, 1);
  const auto dead = DeadLetters::Open(Access::Core(*broker), "two", {"many"});
  REQUIRE(dead.ok());
  const RecordBatch batch = ReadAll(*broker, "many", 3);
  REQUIRE(dead->Append(*batch.begin(), absl::InternalError(""), 1).ok());
  CHECK(ReadAll(*broker, "two", 1).size() == 1);
}

TEST_CASE("A dead-letter topic is made for sources whose segments are as large as can be") {
  BrokerFixture broker;
  const std::int64_t most = (std::int64_t{1} << 28) - 64;
  broker.MakeTopic("t", {.segment_bytes = 1 << 30, .max_record_bytes = most});
  broker.MakeTopic("small");
  const auto dead = DeadLetters::Open(Access::Core(*broker), "dead", {"t", "small"});
  INFO(dead.status());
  REQUIRE(dead.ok());
  CHECK(broker->OpenTopic("dead")->options().max_record_bytes == most);
  CHECK(broker->OpenTopic("dead")->options().segment_bytes == 1 << 30);
}

TEST_CASE("A dead-letter topic that cannot be is refused") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  CHECK(absl::IsInvalidArgument(DeadLetters::Open(Access::Core(*broker), "t", {"t"}).status()));
  CHECK(
      absl::IsInvalidArgument(DeadLetters::Open(Access::Core(*broker), "__dead", {"t"}).status()));
  broker.MakeTopic("tiny", {.max_record_bytes = 4095});
  CHECK(absl::IsInvalidArgument(DeadLetters::Open(Access::Core(*broker), "tiny", {"t"}).status()));
  CHECK(absl::IsNotFound(DeadLetters::Open(Access::Core(*broker), "dead", {"u"}).status()));
  CHECK(absl::IsNotFound(broker->OpenTopic("dead").status()));
}

}  // namespace daybook
