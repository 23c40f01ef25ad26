#include "broker/transactions/lost_transactions.h"

#include <map>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

// Commits that many transactions of one record, and makes all of it durable.
void CommitDurably(BrokerFixture& broker, int transactions) {
  OffsetStore& store = Access::Core(*broker).offsets();
  PartitionLog& log = Access::Log(broker->OpenTopic("t")->partition(0));
  for (int i = 0; i < transactions; ++i) {
    const std::uint64_t id = store.BeginTransaction().value();
    const std::string value = std::to_string(i);
    const Record record = RecordOf(value);
    const auto prepared = log.AppendTransactional({&record, 1}, id);
    REQUIRE(prepared.ok());
    REQUIRE(store.Decide(id, {{"t", 0, prepared->last_frame}}, {}).ok());
  }
  REQUIRE(log.WaitDurable(log.end_offset().value(), Soon()).ok());
  REQUIRE(store.WaitDurable(Soon()).ok());
}

}  // namespace

TEST_CASE("After a reboot the work to open follows what is lost, not how much was committed") {
  constexpr int kTransactions = 2'000;
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = 64 << 10});
  CommitDurably(broker, kTransactions);
  broker.Close();
  const auto after = broker.disk().CutPower(1);  // another boot; nothing was lost
  for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
    std::map<Operation, int> operations;
    after->SetHook([&](Operation operation, const std::string&) {
      ++operations[operation];
      return absl::OkStatus();
    });
    BrokerOptions options = broker.Options(access);
    options.file_system = after.get();
    const auto opened = Broker::Open("/data", options);
    REQUIRE(opened.ok());
    CHECK(operations[Operation::kList] < 40);
    CHECK(operations[Operation::kOpen] < 100);
    after->SetHook(nullptr);
    auto reader = Reader::Open(**opened, "t");
    REQUIRE(reader.ok());
    std::size_t read = 0;
    for (;;) {
      const auto batch = reader->Poll({});
      INFO(batch.status());
      REQUIRE(batch.ok());
      if (batch->empty()) break;
      read += batch->size();
    }
    CHECK(read == kTransactions);
  }
}

TEST_CASE("Of the transactions that a power cut tore all before those are there, and none behind") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = 64 << 10});
  CommitDurably(broker, 20);
  LostTransactions lost;
  DecisionRecord decision{.id = 0, .places = 0, .participants = {{"t", 0, Offset(0)}}};
  const std::uint64_t first = Access::Core(*broker).decisions().epoch()
                              << DecisionTable::kEpochShift;
  for (int i = 0; i < 30; ++i) {
    decision.id = first + static_cast<std::uint64_t>(i);
    decision.participants[0].last_frame = Offset(i);
    lost.Note(decision);
  }
  decision.participants[0] = {"gone", 0, Offset(5)};
  lost.Note(decision);
  REQUIRE(lost.Find(Access::Core(*broker).catalog()).ok());
  CHECK_FALSE(lost.Contains(decision));  // its topic was deleted
  for (int i = 0; i < 30; ++i) {
    decision.participants[0] = {"t", 0, Offset(i)};
    CHECK(lost.Contains(decision) == (i >= 20));
  }
}

TEST_CASE("A transaction is whole after a reboot though a topic it wrote to was made again") {
  BrokerFixture broker;
  broker.MakeTopic("kept", {.durability = Durability::kDisk});
  broker.MakeTopic("again", {.durability = Durability::kDisk});
  for (int i = 0; i < 3; ++i) {
    auto transaction = Transaction::Begin(*broker).value();
    REQUIRE(transaction.Send("kept", RecordOf("kept")).ok());
    REQUIRE(transaction.Send("again", RecordOf("again")).ok());
    REQUIRE(transaction.Commit().ok());
  }
  REQUIRE(broker->DeleteTopic("again").ok());
  const bool has_records = GENERATE(false, true);
  broker.MakeTopic("again", {.durability = Durability::kDisk});
  if (has_records) broker.SendMany("again", 0, 2);
  const bool is_closed = GENERATE(false, true);
  if (is_closed) broker.Close();
  const auto after = broker.disk().CutPower(1);
  for (const BrokerAccess access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
    BrokerOptions options = broker.Options(access);
    options.file_system = after.get();
    const auto opened = Broker::Open("/data", options).value();
    auto kept = Reader::Open(*opened, "kept").value();
    CHECK(kept.Poll({})->size() == 3);
    auto again = Reader::Open(*opened, "again").value();
    CHECK(again.Poll({})->size() == (has_records ? 2 : 0));
  }
}

TEST_CASE("Damage to one transaction takes none behind it along") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.segment_bytes = 64 << 10});
  CommitDurably(broker, 10);
  broker.Close();
  auto after = broker.disk().CutPower(1);
  REQUIRE(
      after->Corrupt("/data/t-0/00000000000000000000.log", 4096 + 3 * 48 + 30, std::byte{1}).ok());
  BrokerFixture later(std::move(after));
  auto reader = Reader::Open(*later, "t").value();
  std::vector<std::string> values;
  for (int polls = 0; polls < 20; ++polls) {
    const auto batch = reader.Poll({});
    if (absl::IsDataLoss(batch.status())) {
      values.emplace_back("<damage>");
      REQUIRE(reader.SkipDamage().ok());
      continue;
    }
    REQUIRE(batch.ok());
    for (const RecordView& record : *batch) values.emplace_back(record.value);
  }
  // Told, and everything else is there.
  CHECK(std::count(values.begin(), values.end(), "<damage>") == 1);
  CHECK(values.size() == 10);
  CHECK(values.back() == "9");
}

TEST_CASE("After a reboot a transaction counts though a topic of it was deleted and made again") {
  BrokerFixture broker;
  for (const char* const name : {"in", "a", "b"}) {
    broker.MakeTopic(name, {.durability = Durability::kDisk});
  }
  broker.Send("in", "k", "v");
  {
    const auto consumer = ConsumerGroup(*broker, "g").Join({"in"}).value();
    REQUIRE(consumer->Poll({}).value().size() == 1);
    auto transaction = Transaction::Begin(*broker).value();
    REQUIRE(transaction.Send("a", RecordOf("x")).ok());
    REQUIRE(transaction.Send("b", RecordOf("y")).ok());
    REQUIRE(transaction.AddOffsets(*consumer).ok());
    REQUIRE(transaction.Commit().ok());
  }
  REQUIRE(broker->DeleteTopic("a").ok());
  std::vector<std::string> left;
  SECTION("the new one is empty") { broker.MakeTopic("a"); }
  SECTION("the new one has records of its own") {
    broker.MakeTopic("a", {.durability = Durability::kDisk});
    for (const char* const value : {"0", "1", "2"}) broker.Send("a", "k", value);
    left = {"0", "1", "2"};
  }
  SECTION("the new one has a transaction of its own") {
    broker.MakeTopic("a", {.durability = Durability::kDisk});
    auto transaction = Transaction::Begin(*broker).value();
    REQUIRE(transaction.Send("a", RecordOf("new")).ok());
    REQUIRE(transaction.Commit().ok());
    left = {"new"};
  }
  broker.Close();
  BrokerFixture after(broker.disk().CutPower(1));
  for (int i = 0; i < 2; ++i) {
    CHECK(after.Values("b") == std::vector<std::string>{"y"});
    CHECK(after.Values("a") == left);
    CHECK(Access::Core(*after).offsets().Find({"g", "in", 0}).value()->offset == Offset(1));
    after.Reopen();
  }
}

TEST_CASE("A place that was forgotten stays so when a power cut takes a transaction before that") {
  const OffsetStore::Key key{"g", "in", 0};
  BrokerFixture broker;
  broker.MakeTopic("in");
  broker.MakeTopic("t");
  broker.SendMany("in", 0, 5);
  OffsetStore& store = Access::Core(*broker).offsets();
  REQUIRE(store.Commit(key, Offset(3)).ok());
  const std::uint64_t id = store.BeginTransaction().value();
  const Record record = RecordOf("lost");
  const Topic topic = broker->OpenTopic("t").value();
  const auto prepared = Access::Log(topic.partition(0)).AppendTransactional({&record, 1}, id);
  REQUIRE(store
              .Decide(id, {{"t", 0, prepared->last_frame, Access::State(topic)->id()}},
                      {{key, {.offset = Offset(5)}}})
              .ok());
  REQUIRE(broker->DeleteTopic("in").ok());
  broker.MakeTopic("in", {.durability = Durability::kDisk});
  broker.SendMany("in", 0, 5);
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    lost += after.Values("t").empty() ? 1 : 0;
    CHECK_FALSE(Access::Core(*after).offsets().Find(key).value().has_value());
    after.Reopen();
    CHECK_FALSE(Access::Core(*after).offsets().Find(key).value().has_value());
  }
  CHECK(lost > 0);
}

}  // namespace daybook
