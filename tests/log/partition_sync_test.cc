#include <atomic>
#include <thread>
#include <vector>

#include "catch.h"
#include "log/partition_log.h"
#include "support/empty_segment.h"
#include "support/log/damaged_log.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("Nothing is durable before a sync and everything committed after it") {
  LogFixture log;
  log.WriteMany(10);
  CHECK(log.durable() == Offset(0));
  log.Sync();
  CHECK(log.durable() == Offset(10));
  log.WriteMany(1000);  // over a roll
  CHECK(log.durable() == Offset(10));
  log.Sync();
  CHECK(log.durable() == Offset(1010));
}

TEST_CASE("An append at kDisk is durable when it returns") {
  LogFixture log(Durability::kDisk);
  for (int i = 0; i < 5; ++i) {
    log.Write("x");
    CHECK(log.durable() == log.end());
  }
}

TEST_CASE("A level given with an append raises that of the topic and never lowers it") {
  LogFixture process(Durability::kProcess);
  REQUIRE(process.log().Append(RecordOf("x"), Durability::kDisk).ok());
  CHECK(process.durable() == Offset(1));
  LogFixture disk(Durability::kDisk);
  REQUIRE(disk.log().Append(RecordOf("x"), Durability::kProcess).ok());
  CHECK(disk.durable() == Offset(1));
}

TEST_CASE("The first failed sync makes the partition read-only for good") {
  LogFixture log(Durability::kDisk);
  log.Write("acknowledged");
  bool fails = true;
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    return fails && operation == SimulatedFileSystem::Operation::kSync
               ? absl::DataLossError("the disk is broken")
               : absl::OkStatus();
  });
  CHECK(absl::IsDataLoss(log.log().Append(RecordOf("lost?"), std::nullopt).status()));
  fails = false;
  const auto status = log.log().Append(RecordOf("refused"), std::nullopt).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("the disk is broken") != absl::string_view::npos);
  // Nobody is told OK by a later sync, which would lie.
  CHECK(absl::IsDataLoss(log.log().WaitDurable(Offset(2), Soon())));
  CHECK(log.durable() == Offset(1));
  CHECK(log.Values().front() == "acknowledged");
  log.disk().SetHook(nullptr);
  log.CutPower(1);
  CHECK(log.Values().front() == "acknowledged");
}

TEST_CASE("What a failed sync took off the list is written again by who opens the log next") {
  LogFixture log(Durability::kDisk);
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync
               ? absl::DataLossError("the disk is broken")
               : absl::OkStatus();
  });
  // Whole pages of it are marked clean then, and not on the disk.
  const std::string unsure(15'000, 'u');
  CHECK(absl::IsDataLoss(log.log().Append(RecordOf(unsure), std::nullopt).status()));
  log.disk().SetHook(nullptr);
  log.CloseCleanly();
  CHECK(log.Values() == std::vector<std::string>{unsure});
  // Now somebody has read it, and what comes behind it is acknowledged.
  CHECK(log.log().Append(RecordOf("sure"), std::nullopt).ok());
  log.CutPower(1);
  CHECK(log.Values() == std::vector<std::string>{unsure, "sure"});
}

TEST_CASE("What a process notes to be durable has a name that is, wherever it ends") {
  using Operation = SimulatedFileSystem::Operation;
  struct Case {
    std::string directory;  // whose sync fails, or is not reached alive
    bool is_killed;
    int durable_before;  // over a roll, if any: then only the name of the new segment is new
  };
  for (const Case& test : {Case{"/data/orders-0", false, 0}, Case{"/data/orders-0", true, 0},
                           Case{"/data", false, 0}, Case{"/data", true, 0},
                           Case{"/data/orders-0", false, 1}, Case{"/data/orders-0", true, 1}}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      CAPTURE(test.directory, test.is_killed, test.durable_before, seed);
      LogFixture log;
      log.WriteMany(test.durable_before);
      log.Sync();
      std::unique_ptr<SimulatedFileSystem> left;
      log.disk().SetHook([&](Operation operation, const std::string& path) {
        if (operation != Operation::kSyncDirectory || path != test.directory)
          return absl::OkStatus();
        if (test.is_killed) left = log.disk().Kill();
        return absl::DataLossError("the disk is broken");
      });
      log.WriteMany(test.durable_before == 0 ? 1 : 1000);
      const auto end = log.end();
      CHECK(absl::IsDataLoss(log.log().WaitDurable(end, Soon())));
      log.disk().SetHook(nullptr);
      log.GoOnWith(test.is_killed ? std::move(left) : log.disk().Kill());
      log.Sync();
      log.CutPower(seed);
      CHECK(log.end() == end);
    }
  }
}

TEST_CASE("A segment that takes the name of an empty one is durable with its name") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    EmptyLastSegment log;
    log.Sync();
    log.Write("acknowledged");
    log.Sync();
    log.CutPower(seed);
    CHECK(log.end() == Offset(411));
    CHECK(log.Values().back() == "acknowledged");
  }
}

TEST_CASE("Of many who wait nobody is told OK after a sync failed once") {
  for (int round = 0; round < 50; ++round) {
    LogFixture log(Durability::kDisk);
    log.Write("acknowledged");
    std::atomic<bool> has_failed{false};
    log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
      return operation == SimulatedFileSystem::Operation::kSync && !has_failed.exchange(true)
                 ? absl::DataLossError("the disk hiccups")
                 : absl::OkStatus();
    });
    std::atomic<int> acknowledged{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        acknowledged += log.log().Append(RecordOf("lost?"), std::nullopt).ok();
        acknowledged += log.log().Append(RecordOf("lost?"), std::nullopt).ok();
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(acknowledged == 0);
    CHECK(log.durable() == Offset(1));
  }
}

TEST_CASE("An open claim holds durability up to the deadline and not beyond") {
  LogFixture log;
  ClaimOptions options;
  options.value_bytes = 1;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  log.Write("behind");
  CHECK(
      absl::IsDeadlineExceeded(log.log().WaitDurable(Offset(2), std::chrono::steady_clock::now())));
  std::move(*claim).Commit();
  CHECK(log.log().WaitDurable(Offset(2), Soon()).ok());
}

TEST_CASE("Records that found no room keep no later ones from becoming durable") {
  LogFixture log;
  const std::string large(15'000, '.');
  log.Write(large);
  log.disk().SetCapacity(32 << 10);
  // The first one closes the segment, the second one finds no room in the next.
  for (int i = 0; i < 3; ++i) {
    CHECK(absl::IsResourceExhausted(log.log().Append(RecordOf(large), std::nullopt).status()));
    log.Sync();
  }
  log.disk().SetCapacity(1 << 20);
  log.Write("x");
  log.Sync();
  CHECK(log.durable() == Offset(2));
  CHECK(log.Values() == std::vector<std::string>{large, "x"});
  log.CutPower(1);
  CHECK(log.Values() == std::vector<std::string>{large, "x"});
}

TEST_CASE("Who waits for an open claim holds up nobody who waits for less") {
  LogFixture log;
  log.Write("before");
  ClaimOptions options;
  options.value_bytes = 5;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  absl::Status later = absl::UnknownError("not yet");
  std::thread other([&] { later = log.log().WaitDurable(Offset(2), Soon()); });
  for (int i = 0; i < 100; ++i) {
    REQUIRE(log.log().WaitDurable(Offset(1), Soon()).ok());
    std::this_thread::yield();
  }
  std::move(*claim).Commit();
  other.join();
  CHECK(later.ok());
  CHECK(log.durable() == Offset(2));
}

TEST_CASE("Threads that wait together share syncs") {
  LogFixture log;
  std::atomic<int> syncs{0};
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    if (operation == SimulatedFileSystem::Operation::kSync) ++syncs;
    return absl::OkStatus();
  });
  log.WriteMany(64);
  std::vector<std::thread> threads;
  for (int i = 1; i <= 64; ++i) {
    threads.emplace_back([&log, i] {
      if (!log.log().WaitDurable(Offset(i), Soon()).ok()) std::terminate();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(syncs == 1);
  CHECK(log.durable() == Offset(64));
}

TEST_CASE("A sync and a reader share what they open of a file, so that neither undoes its notes") {
  LogFixture log;
  log.limits().idle_maps = 1;
  log.WriteMany(5'000);  // the first segments are not mapped any more, and not durable
  log.limits().idle_maps = 256;
  int maps = 0;
  log.disk().SetHook([&maps](SimulatedFileSystem::Operation operation, const std::string& path) {
    const bool is_first = path.find("/00000000000000000000.log") != std::string::npos;
    maps += is_first && operation == SimulatedFileSystem::Operation::kMap;
    return absl::OkStatus();
  });
  log.Sync();
  CHECK(log.Values().size() == 5'000);
  log.disk().SetHook(nullptr);
  CHECK(maps == 1);
}

TEST_CASE("An append at kInterval has its log synced, whatever the level of the topic") {
  for (const Durability durability :
       {Durability::kProcess, Durability::kInterval, Durability::kDisk}) {
    LogFixture log(durability);
    int dirty = 0;
    log.context().background.on_dirty = [&](PartitionLog&) { ++dirty; };
    REQUIRE(log.log().Append(RecordOf("v"), Durability::kInterval).ok());
    CHECK(dirty == (durability == Durability::kDisk ? 0 : 1));
    const Record record = RecordOf("w");
    REQUIRE(log.log().AppendBatch({&record, 1}, Durability::kInterval).ok());
    REQUIRE(log.log().SyncDirty().ok());
    CHECK(log.durable() == Offset(2));
    REQUIRE(log.log().AppendBatch({&record, 1}, Durability::kInterval).ok());
    CHECK(dirty == (durability == Durability::kDisk ? 0 : 2));
  }
}

TEST_CASE("A level that there is not is refused, and nothing is appended") {
  LogFixture log;
  const Record record = RecordOf("v");
  for (const int number : {-1, 3, 9}) {
    const auto level = static_cast<Durability>(number);
    CHECK(absl::IsInvalidArgument(log.log().Append(record, level).status()));
    CHECK(absl::IsInvalidArgument(log.log().AppendBatch({&record, 1}, level).status()));
  }
  CHECK(log.end() == Offset(0));
}

TEST_CASE("A segment with a damaged header in the middle keeps nothing from becoming durable") {
  DamagedLog log;
  log.Corrupt(log.names[0], 20);
  log.Kill();
  REQUIRE(log.log().Append(RecordOf("next"), Durability::kDisk).ok());
  CHECK(log.durable() == log.end());
  REQUIRE(log.log().Append(RecordOf("another"), Durability::kDisk).ok());
  CHECK(log.log().DropBefore(log.BaseOf(1)).ok());
  CHECK(log.log().begin_offset().value() == log.BaseOf(1));
}

TEST_CASE("A sync leaves a partition no descriptor beyond those that it may keep") {
  for (const int records : {1, 1'000}) {
    LogFixture log(Durability::kDisk);
    log.limits().files = 0;
    log.Write("opens it");
    log.CloseCleanly();
    const std::int64_t root = log.disk().OpenHandles();
    log.WriteMany(records);
    // Each segment that is open is mapped.
    CHECK(log.disk().OpenHandles() == root + log.limits().maps_held);
  }
}

TEST_CASE("An append at kInterval behind an open claim is synced once that is committed") {
  LogFixture log;
  int dirty = 0;
  log.context().background.on_dirty = [&](PartitionLog&) { ++dirty; };
  log.WriteMany(5);
  ClaimOptions options;
  options.value_bytes = 1;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  REQUIRE(log.log().Append(RecordOf("promised"), Durability::kInterval).ok());
  CHECK(dirty == 1);
  REQUIRE(log.log().SyncDirty().ok());
  CHECK(log.durable() == Offset(5));
  CHECK(dirty == 2);
  std::move(*claim).Commit();
  REQUIRE(log.log().SyncDirty().ok());
  CHECK(log.durable() == Offset(7));
  CHECK(dirty == 2);
}

TEST_CASE("An append at kInterval behind an open claim of a segment before is synced, too") {
  LogFixture log;
  int dirty = 0;
  log.context().background.on_dirty = [&](PartitionLog&) { ++dirty; };
  ClaimOptions options;
  options.value_bytes = 1;
  auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  log.WriteMany(1'000);
  REQUIRE(log.log().Append(RecordOf("promised"), Durability::kInterval).ok());
  REQUIRE(log.log().SyncDirty().ok());
  CHECK(log.durable() == Offset(0));
  CHECK(dirty == 2);
  std::move(*claim).Commit();
  REQUIRE(log.log().SyncDirty().ok());
  CHECK(log.durable() == Offset(1'002));
  CHECK(dirty == 2);
}

TEST_CASE("Where nothing is claimed, a wait for records that are yet to come says so") {
  LogFixture log;
  log.Write("a");
  const auto now = std::chrono::steady_clock::now();
  const auto status = log.log().WaitDurable(Offset(1000), now);
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(std::string(status.message()).find("ends at 1") != std::string::npos);
  ClaimOptions options;
  options.value_bytes = 1;
  const auto claim = log.log().Claim(options);
  const auto claimed = log.log().WaitDurable(Offset(1000), now);
  CHECK(std::string(claimed.message()).find("claimed") != std::string::npos);
}

}  // namespace daybook
