#include "broker/lost_transactions.h"

#include <map>

#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

// Commits that many transactions of one record, and makes all of it durable.
void CommitDurably(BrokerFixture& broker, int transactions) {
  OffsetStore& store = broker->core().offsets();
  PartitionLog& log = broker->OpenTopic("t")->partition(0).log();
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
  const std::uint64_t first = broker->core().decisions().epoch() << DecisionTable::kEpochShift;
  for (int i = 0; i < 30; ++i) {
    decision.id = first + static_cast<std::uint64_t>(i);
    decision.participants[0].last_frame = Offset(i);
    lost.Note(decision);
  }
  decision.participants[0] = {"gone", 0, Offset(5)};
  lost.Note(decision);
  REQUIRE(lost.Find(broker->core().catalog()).ok());
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

}  // namespace daybook
