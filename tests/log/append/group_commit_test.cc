#include "log/append/group_commit.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/deadline.h"
#include "catch.h"

namespace daybook {
namespace {

const PartitionName kName("orders", 0);

// A log of which all that is committed becomes durable with a sync.
class FakeLog final : public SyncableLog {
 public:
  Offset CommittedEnd() override { return Offset(committed.load()); }
  Offset ClaimedEnd() override { return Offset(claimed.load()); }
  absl::Status AwaitCommitted(Offset end, Time) override {
    if (committed.load() >= end.value()) return absl::OkStatus();
    return absl::DeadlineExceededError("not committed");
  }
  absl::Status SyncRefusal() override { return refusal; }
  Synced SyncCommitted(Offset) override {
    ++syncs;
    if (during_sync) during_sync();
    if (!error.ok()) return {error, disk_failed};
    return {Offset(committed.load())};
  }
  void RefuseWrites(const absl::Status& why) override { refused = why; }

  std::atomic<std::int64_t> committed{0};
  std::atomic<std::int64_t> claimed{0};
  absl::Status refusal;
  absl::Status error;
  bool disk_failed = false;
  std::function<void()> during_sync;
  std::atomic<int> syncs{0};
  absl::Status refused;
};

SyncableLog::Time Soon() { return DeadlineAfter(std::chrono::seconds(30)); }

}  // namespace

TEST_CASE("One sync makes all durable that was committed when it began") {
  FakeLog log;
  log.committed = log.claimed = 10;
  GroupCommit commit(kName, log);
  CHECK(commit.durable_end() == Offset(0));
  REQUIRE(commit.Wait(Offset(3), Soon()).ok());
  CHECK(commit.durable_end() == Offset(10));
  REQUIRE(commit.Wait(Offset(10), Soon()).ok());
  CHECK(log.syncs == 1);
}

TEST_CASE("What a recovery found durable needs no sync") {
  FakeLog log;
  log.committed = log.claimed = 10;
  GroupCommit commit(kName, log);
  commit.SetDurableEnd(Offset(10));
  CHECK(commit.Wait(Offset(10), Soon()).ok());
  CHECK(log.syncs == 0);
}

TEST_CASE("To wait for what is not committed ends with that error, and nothing is synced") {
  FakeLog log;
  log.committed = log.claimed = 5;
  GroupCommit commit(kName, log);
  CHECK(absl::IsDeadlineExceeded(commit.Wait(Offset(6), Soon())));
  CHECK(log.syncs == 0);
}

TEST_CASE("After a failed sync no write is let through, and no later sync is tried") {
  FakeLog log;
  log.committed = log.claimed = 5;
  log.error = absl::InternalError("EIO");
  log.disk_failed = true;
  GroupCommit commit(kName, log);
  CHECK(absl::IsInternal(commit.Wait(Offset(5), Soon())));
  CHECK(commit.has_failed());
  CHECK(absl::IsFailedPrecondition(log.refused));
  CHECK(log.refused.message().find("orders-0: read-only since a sync failed (EIO)") == 0);
  log.error = absl::OkStatus();
  CHECK(absl::IsInternal(commit.Wait(Offset(5), Soon())));
  CHECK(log.syncs == 1);
  CHECK(commit.durable_end() == Offset(0));
}

TEST_CASE("A sync that failed before it came to the disk is tried again") {
  FakeLog log;
  log.committed = log.claimed = 5;
  log.error = absl::ResourceExhaustedError("no descriptor");
  GroupCommit commit(kName, log);
  CHECK(absl::IsResourceExhausted(commit.Wait(Offset(5), Soon())));
  CHECK_FALSE(commit.has_failed());
  CHECK(log.refused.ok());
  log.error = absl::OkStatus();
  CHECK(commit.Wait(Offset(5), Soon()).ok());
}

TEST_CASE("A log whose files are gone is not synced, but for the last time") {
  FakeLog log;
  log.committed = log.claimed = 5;
  log.refusal = absl::NotFoundError("deleted");
  GroupCommit commit(kName, log);
  CHECK(absl::IsNotFound(commit.Wait(Offset(5), Soon())));
  CHECK(log.syncs == 0);
  CHECK(commit.SyncLast().ok());
  CHECK(log.syncs == 1);
}

TEST_CASE("Whoever waits while another thread syncs is answered by that sync or the next one") {
  FakeLog log;
  log.committed = log.claimed = 100;
  GroupCommit commit(kName, log);
  log.during_sync = [&] { CHECK(commit.is_syncing()); };
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (commit.Wait(Offset(100), Soon()).ok()) ++answered;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == 8);
  CHECK(log.syncs == 1);
  CHECK_FALSE(commit.is_syncing());
}

}  // namespace daybook
