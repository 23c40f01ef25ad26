#include <algorithm>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/offsets/offset_store.h"
#include "catch.h"
#include "daybook/admin.h"
#include "daybook/committed_offset.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

OffsetStore& Store(BrokerFixture& broker) { return Access::Core(*broker).offsets(); }

Partition& OffsetsLog(BrokerFixture& broker) {
  return broker->OpenTopic("__consumer_offsets")->partition(0);
}

}  // namespace

TEST_CASE("Many commits do not stay: the log of offsets is as large as what counts, and a bound") {
  BrokerFixture broker;
  const std::string metadata(1000, 'm');
  for (int i = 1; i <= 40'000; ++i) {
    REQUIRE(Store(broker).Commit({"group", "orders", i % 10}, Offset(i), metadata).ok());
    if (i % 1000 == 0) REQUIRE(broker->RunBackgroundWork().ok());
  }
  const Offset begin = OffsetsLog(broker).begin_offset().value();
  CHECK(begin > Offset(20'000));
  CHECK(OffsetsLog(broker).end_offset().value() - begin < 20'000);
  for (int round = 0; round < 2; ++round) {
    for (int partition = 0; partition < 10; ++partition) {
      const auto place = Store(broker).Find({"group", "orders", partition}).value();
      REQUIRE(place.has_value());
      CHECK(place->offset == Offset(partition == 0 ? 40'000 : 39'990 + partition));
      CHECK(place->metadata == metadata);
    }
    broker.Kill();
  }
}

TEST_CASE("Decisions do not stay either, when nothing but transactions commits") {
  BrokerFixture broker;
  for (int i = 0; i < 60; ++i) {
    // Large ones, so that few will do; of topics that are gone since.
    std::vector<Participant> participants;
    for (int partition = 0; partition < 1'000; ++partition) {
      participants.push_back({std::string(200, 't'), partition, Offset(i)});
    }
    const std::uint64_t id = Store(broker).BeginTransaction().value();
    REQUIRE(Store(broker)
                .Decide(id, participants, {{{"group", "in", 0}, {.offset = Offset(i + 1)}}})
                .ok());
    REQUIRE(broker->RunBackgroundWork().ok());
  }
  CHECK(OffsetsLog(broker).begin_offset().value() > Offset(0));
  broker.Kill();
  CHECK(Store(broker).Find({"group", "in", 0}).value()->offset == Offset(60));
}

TEST_CASE("Any number of transactions may fail in turn with others: what was committed is known") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 60'000; ++i) {
    ids.push_back(Store(broker).BeginTransaction().value());
    Access::Core(*broker).decisions().End(ids.back(), i % 2 == 0
                                                          ? TransactionTable::Decision::kCommitted
                                                          : TransactionTable::Decision::kAborted);
  }
  const auto are_known = [&] {
    const IdSet committed = Access::Core(*broker).decisions().committed();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (committed.Contains(ids[i]) != (i % 2 == 0)) return false;
    }
    return true;
  };
  const Offset begin = OffsetsLog(broker).begin_offset().value();
  REQUIRE(Store(broker).Compact().ok());
  REQUIRE(Store(broker).Compact().ok());
  CHECK(OffsetsLog(broker).begin_offset().value() >= begin);
  broker.Kill();
  CHECK(are_known());
  // Then it is written down again, by the recovery.
  broker.CutPower(1);
  CHECK(are_known());
  broker.CutPower(2);
  CHECK(are_known());
}

TEST_CASE("A compaction waits for a claim that is open before what a transaction has written") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("a");
  ClaimOptions options;
  options.value_bytes = 8;
  auto claim = topic.partition(0).Claim(options);
  REQUIRE(claim.ok());
  const Record record = RecordOf("x");
  const std::uint64_t id = Store(broker).BeginTransaction().value();
  const auto prepared = Access::Log(topic.partition(0)).AppendTransactional({&record, 1}, id);
  const Participant wrote{.topic = "a",
                          .partition = 0,
                          .last_frame = prepared->last_frame,
                          .topic_id = Access::State(topic)->id()};
  REQUIRE(Store(broker).Decide(id, {wrote}, {{{"g", "in", 0}, {.offset = Offset(5)}}}).ok());
  // Behind an open claim nothing can be made durable.
  CHECK(absl::IsUnavailable(Store(broker).Compact()));
  CHECK(absl::IsUnavailable(Store(broker).Compact()));
  std::move(*claim).Commit();
  SECTION("and is done once that is committed") {
    CHECK(Store(broker).Compact().ok());
    broker.CutPower(1);
    CHECK(Store(broker).Find({"g", "in", 0}).value().has_value());
    CHECK(broker->OpenTopic("a")->partition(0).end_offset().value() == Offset(2));
  }
  SECTION("or the power takes both, the records and the place") {
    broker.CutPower(1);
    const bool has_place = Store(broker).Find({"g", "in", 0}).value().has_value();
    const bool has_record = broker->OpenTopic("a")->partition(0).end_offset().value() == Offset(2);
    CHECK(has_place == has_record);
  }
}

TEST_CASE("A sync of somebody else that fails does not end all compaction") {
  BrokerFixture broker;
  const std::string metadata(1000, 'm');
  int commits = 0;
  const auto commit = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ++commits;
      REQUIRE(Store(broker).Commit({"g", "a", commits % 10}, Offset(commits), metadata).ok());
    }
  };
  commit(9'000);  // a compaction is asked for
  bool was_told = false;
  Access::Core(*broker).syncs().SyncSoon(
      Access::Log(OffsetsLog(broker)).shared_from_this(), Offset(9'001),
      [&](const absl::Status& status, Offset) { was_told = !status.ok(); });
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool fails = operation == SimulatedFileSystem::Operation::kOpen &&
                       path.find("__consumer") != std::string::npos;
    return fails ? absl::ResourceExhaustedError("too many open files") : absl::OkStatus();
  });
  broker->RunBackgroundWork().IgnoreError();
  broker.disk().SetHook(nullptr);
  CHECK(was_told);
  for (int i = 0; i < 3; ++i) {
    commit(9'000);
    REQUIRE(broker->RunBackgroundWork().ok());
  }
  CHECK(OffsetsLog(broker).begin_offset().value() > Offset(9'000));
}

TEST_CASE("A compaction that cannot sync a transaction's partition drops nothing") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("a");
  const Record record = RecordOf("x");
  const std::uint64_t id = Store(broker).BeginTransaction().value();
  const auto prepared = Access::Log(topic.partition(0)).AppendTransactional({&record, 1}, id);
  REQUIRE(Store(broker).Decide(id, {{"a", 0, prepared->last_frame}}, {}).ok());
  broker.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool fails = operation == SimulatedFileSystem::Operation::kSync &&
                       path.find("/a-0/") != std::string::npos;
    return fails ? absl::DataLossError("the disk failed") : absl::OkStatus();
  });
  const Offset begin = OffsetsLog(broker).begin_offset().value();
  CHECK(absl::IsDataLoss(Store(broker).Compact()));
  CHECK(absl::IsDataLoss(Store(broker).Compact()));  // what it could not sync is not forgotten
  CHECK(OffsetsLog(broker).begin_offset().value() == begin);
  broker.disk().SetHook(nullptr);
  // Commits go on.
  CHECK(Store(broker).Commit({"g", "a", 0}, Offset(1)).ok());
}

TEST_CASE("Commits go on while a compaction waits for the disk") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("a");
  const Record record = RecordOf("x");
  const std::uint64_t id = Store(broker).BeginTransaction().value();
  const auto prepared = Access::Log(topic.partition(0)).AppendTransactional({&record, 1}, id);
  REQUIRE(Store(broker).Decide(id, {{"a", 0, prepared->last_frame}}, {}).ok());
  int commits = 0;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    if (operation == SimulatedFileSystem::Operation::kSync) {
      ++commits;
      CHECK(Store(broker).Commit({"g", "a", 0}, Offset(commits)).ok());
    }
    return absl::OkStatus();
  });
  CHECK(Store(broker).Compact().ok());
  broker.disk().SetHook(nullptr);
  CHECK(commits > 0);
  broker.Kill();
  CHECK(Store(broker).Find({"g", "a", 0}).value()->offset == Offset(commits));
}

TEST_CASE("A topic that was made again with fewer partitions does not disturb the compaction") {
  BrokerFixture broker;
  broker.MakeTopic("a", {.partitions = 3});
  const std::uint64_t id = Store(broker).BeginTransaction().value();
  REQUIRE(Store(broker).Decide(id, {{"a", 2, Offset(0)}}, {}).ok());
  REQUIRE(broker->DeleteTopic("a").ok());
  broker.MakeTopic("a", {.partitions = 1});
  CHECK(Store(broker).Compact().ok());
}

TEST_CASE("Transactions stay committed when their decisions are dropped, also after a power cut") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("a", {.partitions = 1});
  for (int i = 0; i < 3; ++i) {
    const std::string value = std::to_string(i);
    const Record record = RecordOf(value);
    const std::uint64_t id = Store(broker).BeginTransaction().value();
    const auto prepared = Access::Log(topic.partition(0)).AppendTransactional({&record, 1}, id);
    REQUIRE(prepared.ok());
    // The second one is never decided.
    if (i == 1) {
      Access::Core(*broker).decisions().End(id, TransactionTable::Decision::kAborted);
      continue;
    }
    REQUIRE(Store(broker).Decide(id, {{"a", 0, prepared->last_frame}}, {}).ok());
  }
  REQUIRE(Store(broker).Compact().ok());
  const std::vector<std::string> committed = {"0", "2"};
  CHECK(broker.Values("a") == committed);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    CHECK(after.Values("a") == committed);
    after.Kill();
    CHECK(after.Values("a") == committed);
  }
}

TEST_CASE("A compaction that is cut off anywhere loses no place") {
  BrokerFixture broker;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(Store(broker).Commit({"group", "orders", i}, Offset(i + 1)).ok());
  }
  REQUIRE(Store(broker).WaitDurable(Soon()).ok());
  std::vector<std::unique_ptr<SimulatedFileSystem>> cuts;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
    cuts.push_back(broker.disk().CutPower(cuts.size()));
    cuts.push_back(broker.disk().Kill());
    return absl::OkStatus();
  });
  REQUIRE(Store(broker).Compact().ok());
  broker.disk().SetHook(nullptr);
  cuts.push_back(broker.disk().CutPower(99));
  REQUIRE(cuts.size() > 4);
  for (std::unique_ptr<SimulatedFileSystem>& cut : cuts) {
    BrokerFixture after(std::move(cut));
    CHECK(Store(after).FindGroup("group").value().size() == 200);
    CHECK(Store(after).Find({"group", "orders", 7}).value()->offset == Offset(8));
  }
}

TEST_CASE("The time of a commit outlives the compaction, so that old groups can expire") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit({"old", "orders", 0}, Offset(1)).ok());
  broker.clock().Advance(std::chrono::hours(24));
  REQUIRE(Store(broker).Commit({"new", "orders", 0}, Offset(1)).ok());
  REQUIRE(Store(broker).Compact().ok());
  broker.Reopen();
  CHECK(Admin(*broker).ExpireGroupOffsets(std::chrono::hours(1)).value() == 1);
  CHECK(Store(broker).Groups().value() == std::vector<std::string>{"new"});
  broker.Reopen();
  CHECK(Store(broker).Groups().value() == std::vector<std::string>{"new"});
}

TEST_CASE("The log of offsets stays small in a program that is restarted before it has grown") {
  BrokerFixture broker;
  const std::string metadata(100'000, 'm');
  std::int64_t most = 0;
  for (int i = 1; i <= 500; ++i) {
    REQUIRE(Store(broker).Commit({"group", "orders", i % 3}, Offset(i), metadata).ok());
    if (i % 10 != 0) continue;
    broker.Reopen();
    Partition& log = OffsetsLog(broker);
    most = std::max(most, log.end_offset().value() - log.begin_offset().value());
  }
  CHECK(most < 200);  // of 100 KB each
  CHECK(Store(broker).Find({"group", "orders", 2}).value()->offset == Offset(500));
}

TEST_CASE("Offsets with the largest metadata there may be are compacted beside many small ones") {
  BrokerFixture broker;
  const std::string small(2'000, 'm');
  for (int i = 0; i < 120; ++i) {
    REQUIRE(Store(broker).Commit({"a", "orders", i}, Offset(i), small).ok());
  }
  const std::string largest(kMaxOffsetMetadataBytes, 'M');
  REQUIRE(Store(broker).Commit({"b", "orders", 0}, Offset(7), largest).ok());
  REQUIRE(Store(broker).Compact().ok());
  broker.Kill();
  CHECK(Store(broker).Find({"b", "orders", 0}).value()->metadata == largest);
  CHECK(Store(broker).Find({"a", "orders", 119}).value()->metadata == small);
}

}  // namespace daybook
