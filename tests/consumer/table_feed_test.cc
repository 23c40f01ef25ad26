#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/table/table_view.h"
#include "daybook/transaction.h"
#include "segment/partition_name.h"
#include "support/broker_fixture.h"
#include "support/notes.h"
#include "support/thread_factories.h"

namespace daybook {
namespace {

using Table = TableView<std::string, std::string>;
constexpr std::chrono::seconds kLong{30};

std::unique_ptr<Table> Driven(Broker& broker, Table::Options options = {}) {
  options.background = Background::kCaller;
  return Table::Open(broker, "t", std::move(options)).value();
}

void Set(BrokerFixture& broker, const std::string& key, const std::string& value) {
  broker.Send("t", key, value);
}
void Remove(BrokerFixture& broker, const std::string& key) {
  Producer producer(*broker);
  REQUIRE(producer.Send("t", {.key = std::string_view(key)}).ok());
}

absl::StatusOr<int> Number(std::string_view text) {
  int number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc()) {
    return number;
  }
  return absl::InvalidArgumentError("it is no number");
}

}  // namespace

TEST_CASE("A view has the last value of each key, and none of what a tombstone took") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 3});
  Set(broker, "a", "1");
  Set(broker, "b", "2");
  Set(broker, "a", "3");
  Remove(broker, "b");
  REQUIRE(broker->OpenTopic("t")->partition(0).Append(RecordOf("no key")).ok());
  const auto table = Driven(*broker);
  CHECK(table->size() == 0);
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(table->Get("a") == "3");
  CHECK_FALSE(table->Get("b").has_value());
  CHECK_FALSE(table->Contains("c"));
  CHECK(table->size() == 1);
  Set(broker, "c", "");
  CHECK_FALSE(table->Contains("c"));
  REQUIRE(table->Poll({}).ok());
  CHECK(table->Get("c") == "");
  std::map<std::string, std::string> seen;
  table->ForEach([&](const std::string& key, const std::string& value) { seen[key] = value; });
  CHECK(seen == std::map<std::string, std::string>{{"a", "3"}, {"c", ""}});
}

TEST_CASE("A snapshot is of one moment, with the positions it is of, and changes no more") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Set(broker, "a", "1");
  Set(broker, "a", "2");
  const auto table = Driven(*broker);
  REQUIRE(table->CatchUp(kLong).ok());
  const auto snapshot = table->TakeSnapshot();
  Set(broker, "a", "3");
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(snapshot.values.at("a") == "2");
  CHECK(snapshot.positions == std::map<int, Offset>{{0, Offset(2)}});
  CHECK(table->position(0) == Offset(3));
  CHECK(table->position(1) == Offset());
}

TEST_CASE("Types are made by functions, changes are told in order, and what is neither ends it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  std::vector<std::string> changes;
  TableOptions<int, int> options{
      .key = Number,
      .value = Number,
      .on_change =
          [&](int key, const std::optional<int>& value) {
            changes.push_back(std::to_string(key) +
                              (value ? "=" + std::to_string(*value) : " gone"));
          },
      .background = Background::kCaller};
  CHECK(absl::IsInvalidArgument(TableView<int, int>::Open(*broker, "t", {}).status()));
  const auto table = TableView<int, int>::Open(*broker, "t", options).value();
  Set(broker, "1", "10");
  Set(broker, "2", "20");
  Remove(broker, "1");
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(changes == std::vector<std::string>{"1=10", "2=20", "1 gone"});
  CHECK(table->Get(2) == 20);
  Set(broker, "x", "1");
  CHECK(absl::IsInvalidArgument(table->CatchUp(kLong)));
  Set(broker, "3", "30");
  CHECK(absl::IsInvalidArgument(table->Poll({})));
  CHECK(changes.size() == 3);
  CHECK(table->Get(2) == 20);
}

TEST_CASE("What a function of the options throws is the error that a view ends with") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Set(broker, "a", "1");
  const auto table = Table::Open(*broker, "t", {.on_change = [](const auto&, const auto&) {
                       throw std::runtime_error("no such luck");
                     }}).value();
  const auto status = table->CatchUp(kLong);
  CHECK(status.code() == absl::StatusCode::kUnknown);
  CHECK(status.message().find("no such luck") != absl::string_view::npos);
  CHECK(table->Get("a") == "1");
}

TEST_CASE("A thread keeps a view up to date, and who waits gets what was there") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  const auto table = Table::Open(*broker, "t").value();
  CHECK(absl::IsFailedPrecondition(table->Poll({})));
  for (int i = 0; i < 200; ++i) Set(broker, std::to_string(i % 17), std::to_string(i));
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(table->size() == 17);
  CHECK(table->Get("0") == "187");
  Producer producer(*broker);
  const auto receipt = producer.Send("t", RecordOf("k", "v"));
  REQUIRE(receipt.ok());
  REQUIRE(table->WaitFor(receipt->partition(), receipt->offset() + 1, kLong).ok());
  CHECK(table->Get("k") == "v");
  CHECK(absl::IsDeadlineExceeded(
      table->WaitFor(receipt->partition(), receipt->offset() + 2, std::chrono::milliseconds(1))));
}

TEST_CASE("Of a transaction a view takes in what was committed, and waits behind it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto table = Driven(*broker);
  auto transaction = Transaction::Begin(*broker).value();
  REQUIRE(transaction.Send("t", RecordOf("a", "1")).ok());
  REQUIRE(transaction.Commit().ok());
  auto aborted = Transaction::Begin(*broker).value();
  REQUIRE(aborted.Send("t", RecordOf("a", "2")).ok());
  aborted.Abort();
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(table->Get("a") == "1");
}

TEST_CASE("What retention takes away stays in a view, and a new one does not have it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Set(broker, "a", "1");
  const auto table = Driven(*broker);
  REQUIRE(table->CatchUp(kLong).ok());
  Set(broker, "b", "2");
  Set(broker, "c", "3");
  REQUIRE(Admin(*broker).DeleteRecords({"t", 0}, Offset(2)).ok());
  REQUIRE(table->CatchUp(kLong).ok());
  CHECK(table->Get("a") == "1");
  CHECK_FALSE(table->Get("b").has_value());
  CHECK(table->Get("c") == "3");
  const auto later = Driven(*broker);
  REQUIRE(later->CatchUp(kLong).ok());
  CHECK(later->size() == 1);
}

TEST_CASE("A view ends with its topic or broker, and can still be looked up") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Set(broker, "a", "1");
  CHECK(absl::IsNotFound(Table::Open(*broker, "u").status()));
  const auto table = Table::Open(*broker, "t").value();
  REQUIRE(table->CatchUp(kLong).ok());
  SECTION("that is deleted") {
    REQUIRE(broker->DeleteTopic("t").ok());
    CHECK(absl::IsNotFound(table->CatchUp(kLong)));
    CHECK(absl::IsNotFound(table->WaitFor(0, Offset(9), kLong)));
  }
  SECTION("that is closed") {
    broker.Close();
    CHECK(absl::IsFailedPrecondition(table->CatchUp(kLong)));
  }
  CHECK(table->Get("a") == "1");
}

TEST_CASE("A view whose thread cannot be started says so") {
  FewThreads none(0);
  SimulatedFileSystem disk;
  const auto broker =
      Broker::Open("/data",
                   {.background = Background::kCaller, .file_system = &disk, .threads = &none})
          .value();
  REQUIRE(broker->CreateTopic("t").ok());
  CHECK(absl::IsResourceExhausted(Table::Open(*broker, "t").status()));
}

TEST_CASE("A view that waits for what is not there is late, and knows its partitions") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto table = Driven(*broker);
  Set(broker, "a", "1");
  CHECK(absl::IsDeadlineExceeded(table->WaitFor(0, Offset(2), {})));
  CHECK(table->Get("a") == "1");
  CHECK(table->WaitFor(0, Offset(1), {}).ok());
  CHECK(absl::IsNotFound(table->WaitFor(1, Offset(0), kLong)));
  REQUIRE(Admin(*broker).CreatePartitions("t", 2).ok());
  CHECK(table->WaitFor(1, Offset(0), kLong).ok());
}

TEST_CASE("Damage in one partition is told though another one has dropped what it read") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 4);
  broker.SendMany("t", 1, 3);
  broker.Close();
  REQUIRE(broker.disk()
              .Corrupt("/data/t-1/" + SegmentFileName(Offset(0), ".log"), 4'100, std::byte{1})
              .ok());
  broker.Reopen();
  const auto table = Driven(*broker);
  REQUIRE(Admin(*broker).DeleteRecords({"t", 0}, Offset(4)).ok());
  CHECK(absl::IsDataLoss(table->CatchUp(kLong)));
}

TEST_CASE("Those that look up again and again do not keep a view from what is new") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  for (int i = 0; i < 500; ++i) Set(broker, std::to_string(i), "v");
  const auto table = Table::Open(*broker, "t").value();
  REQUIRE(table->CatchUp(kLong).ok());
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) table->ForEach([](const auto&, const auto&) {});
    });
  }
  Set(broker, "new", "1");
  CHECK(table->WaitFor(0, Offset(501), kLong).ok());
  CHECK(table->Contains("new"));
}

}  // namespace daybook
