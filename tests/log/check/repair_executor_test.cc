#include <string>

#include "catch.h"
#include "support/log/damaged_log.h"

// That a repair is safe against a crash at every place, and what it writes.

namespace daybook {
namespace {

// Swapped segments, a missing one, a header and a record that are damaged: every kind of step.
void DamageMuch(DamagedLog& log) {
  log.Corrupt(log.names[2], 4096 + 5 * 128 + 60);
  log.Corrupt(log.names[0], 20);
  log.Rename(log.names[0], "x");
  log.Rename(log.names[1], log.names[0]);
  log.Rename("x", log.names[1]);
}

// How many operations a repair has; it stops with an error at number `stop`.
int RepairUntil(DamagedLog& log, int stop) {
  const PartitionPlan plan = log.Plan();
  const auto directory = log.directory();
  int count = 0;
  log.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
    return ++count == stop ? absl::InternalError("stopped") : absl::OkStatus();
  });
  log.Execute(plan, *directory).IgnoreError();
  log.disk().SetHook(nullptr);
  return count;
}

}  // namespace

TEST_CASE("A repair that is cut off anywhere is finished by the next one") {
  int operations = 0;
  std::set<std::int64_t> expected;
  {
    DamagedLog log;
    DamageMuch(log);
    operations = RepairUntil(log, -1);
    log.Kill();
    expected = log.ReadAll().offsets;
    CHECK(expected.size() == 1399);
  }
  for (int stop = 1; stop <= operations; ++stop) {
    INFO("stopped at operation " << stop << " of " << operations);
    DamagedLog log;
    DamageMuch(log);
    RepairUntil(log, stop);
    log.Repair();
    log.Kill();
    CHECK(log.ReadAll().offsets == expected);
    CHECK(log.ReadAll().damage.empty());
  }
}

TEST_CASE(
    "A power cut in the middle of a repair leaves the old or the new, and no record is lost") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    DamagedLog log(Durability::kDisk);
    DamageMuch(log);
    REQUIRE(log.directory()->Sync().ok());
    std::unique_ptr<SimulatedFileSystem> after;
    int count = 0;
    log.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
      if (++count == static_cast<int>(seed * 3)) after = log.disk().CutPower(seed);
      return absl::OkStatus();
    });
    REQUIRE(log.TryRepair().ok());
    log.disk().SetHook(nullptr);
    if (after == nullptr) break;  // it took fewer operations
    log.GoOnWith(std::move(after));
    log.Repair();
    log.Kill();
    CHECK(log.ReadAll().offsets.size() == 1399);
  }
}

TEST_CASE("A power cut right after a repair changes nothing") {
  DamagedLog log(Durability::kDisk);
  DamageMuch(log);
  log.Repair();
  log.CutPower(7);
  CHECK(log.ReadAll().offsets.size() == 1399);
  CHECK(log.ReadAll().damage.empty());
}

TEST_CASE("What no checksum covers is zero after a repair") {
  DamagedLog log;
  log.Write("abc");  // 27 bytes, and 5 to align it
  log.CloseCleanly();
  const std::uint64_t last = 4096 + 128 * static_cast<std::uint64_t>(1400 - log.BaseOf(2).value());
  log.Corrupt(log.names[2], last + 29);
  log.Corrupt(log.names[2], 3000);
  CHECK(log.Verify().has_damage());
  CHECK(log.Repair().lost.empty());
  log.Kill();
  CHECK(log.ReadAll().offsets.size() == 1401);
}

TEST_CASE("A checkpoint in the middle of what was lost does not cut what follows it") {
  DamagedLog log(Durability::kDisk);
  log.WriteMany(5);
  log.Sync();
  log.WriteMany(5);
  // The record before the checkpoint and the one behind it: the place between them is gone.
  const std::uint64_t end = 4096 + 128 * static_cast<std::uint64_t>(1405 - log.BaseOf(2).value());
  log.Kill();
  log.Corrupt(log.names[2], end - 60);
  log.Corrupt(log.names[2], end + 60);
  CHECK(log.Repair().lost.size() == 1);
  log.CutPower(3);
  CHECK(log.ReadAll().offsets.size() == 1408);
  CHECK(log.end() == Offset(1410));
}

}  // namespace daybook
