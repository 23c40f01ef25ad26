#include <optional>
#include <thread>

#include "catch.h"
#include "log/partition_log.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

const absl::Status kClosed = absl::FailedPreconditionError("closed");

// A deadline that is over.
std::chrono::steady_clock::time_point AtOnce() { return std::chrono::steady_clock::now(); }

}  // namespace

TEST_CASE("A log is settled at once when nothing is under way, also if it was never used") {
  LogFixture log;
  SECTION("never used") {}
  SECTION("written to") { log.WriteMany(10); }
  SECTION("over a roll") { log.WriteMany(2000); }
  SECTION("opened again") {
    log.WriteMany(2000);
    log.Kill();
    CHECK(log.end() == Offset(2000));
  }
  log.log().Delete(kClosed);
  CHECK(log.log().AwaitSettled(AtOnce()));
}

TEST_CASE("A log with an open claim is settled when that is committed or dropped") {
  for (const bool is_committed : {true, false}) {
    for (const int behind : {0, 10, 2000}) {  // in the same segment, and over a roll
      LogFixture log;
      log.WriteMany(3);
      std::optional<RecordClaim> claim = log.log().Claim({.value_bytes = 8}).value();
      log.WriteMany(behind);
      log.log().Delete(kClosed);
      CHECK_FALSE(log.log().AwaitSettled(AtOnce()));
      if (is_committed) std::move(*claim).Commit();
      claim.reset();
      CHECK(log.log().AwaitSettled(AtOnce()));
    }
  }
}

TEST_CASE("Who waits for a log to settle is told when another thread commits the last claim") {
  LogFixture log;
  std::optional<RecordClaim> claim = log.log().Claim({.value_bytes = 8}).value();
  log.log().Delete(kClosed);
  std::thread commits([&] { std::move(*claim).Commit(); });
  CHECK(log.log().AwaitSettled(Soon()));
  commits.join();
}

TEST_CASE("Nothing of a closed log is synced, noted or changed any more") {
  LogFixture log;
  log.WriteMany(2000);
  log.log().Delete(kClosed);
  REQUIRE(log.log().AwaitSettled(AtOnce()));
  int changes = 0;
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    using Operation = SimulatedFileSystem::Operation;
    changes += operation == Operation::kOpen || operation == Operation::kList ? 0 : 1;
    return absl::OkStatus();
  });
  CHECK(log.log().WaitDurable(Offset(10), Soon()) == kClosed);
  CHECK(log.log().SyncDirty().ok());
  CHECK(log.log().DropBefore(Offset(1000)) == kClosed);
  CHECK(log.log().end_offset().status() == kClosed);
  CHECK_FALSE(log.log().WorkAhead());
  CHECK(changes == 0);
}

}  // namespace daybook
