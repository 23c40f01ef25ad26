#include "broker/background/sync_scheduler.h"

#include <atomic>
#include <thread>

#include "broker/access.h"
#include "catch.h"
#include "support/broker_fixture.h"
#include "support/log_fixture.h"
#include "support/thread_factories.h"

namespace daybook {

TEST_CASE("Work that the caller is to do waits for him") {
  LogFixture log;
  SyncScheduler work(Background::kCaller);
  log.WriteMany(3);
  int told = 0;
  work.SyncSoon(log.log().shared_from_this(), Offset(3), [&](const absl::Status& status, Offset) {
    CHECK(status.ok());
    ++told;
  });
  work.SyncLater(log.log());
  CHECK(told == 0);
  CHECK(log.durable() == Offset(0));
  CHECK(work.RunNow().ok());
  CHECK(told == 1);
  CHECK(log.durable() == Offset(3));
  CHECK(work.RunNow().ok());
  CHECK(told == 1);
}

TEST_CASE("A thread does it otherwise, and everybody is told once") {
  LogFixture log;
  SyncScheduler work(Background::kThread);
  REQUIRE(work.Start(ThreadFactory::System()).ok());
  log.WriteMany(100);
  std::atomic<int> told{0};
  for (int i = 1; i <= 100; ++i) {
    work.SyncSoon(log.log().shared_from_this(), Offset(i), [&](const absl::Status& status, Offset) {
      if (status.ok()) ++told;
    });
  }
  const auto deadline = Soon();
  while (told < 100 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(told == 100);
  work.Stop();
  CHECK(log.durable() == Offset(100));
}

TEST_CASE("What is pending when it stops is told so, and so is what comes later") {
  LogFixture log;
  log.Write("v");
  SyncScheduler work(Background::kCaller);
  int cancelled = 0;
  const auto count = [&](const absl::Status& status, Offset) {
    cancelled += absl::IsCancelled(status);
  };
  work.SyncSoon(log.log().shared_from_this(), Offset(1), count);
  work.Stop();
  CHECK(cancelled == 1);
  work.SyncSoon(log.log().shared_from_this(), Offset(1), count);
  CHECK(cancelled == 2);
}

TEST_CASE("A failed sync is told to those who wait for that partition") {
  LogFixture log;
  log.Write("v");
  log.disk().SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("broken")
                                                              : absl::OkStatus();
  });
  SyncScheduler work(Background::kCaller);
  absl::Status told;
  work.SyncSoon(log.log().shared_from_this(), Offset(1),
                [&](const absl::Status& status, Offset) { told = status; });
  CHECK(absl::IsDataLoss(work.RunNow()));
  CHECK(absl::IsDataLoss(told));
}

TEST_CASE("Who waits for records before an open claim is told without it, and the rest later") {
  LogFixture log;
  log.WriteMany(3);
  std::optional<RecordClaim> claim = log.log().Claim({.value_bytes = 1}).value();
  log.WriteMany(2);
  SyncScheduler work(Background::kCaller);
  std::vector<std::int64_t> told;
  for (const std::int64_t end : {6, 3, 5, 1, 4}) {
    work.SyncSoon(log.log().shared_from_this(), Offset(end),
                  [&](const absl::Status& status, Offset at) {
                    CHECK(status.ok());
                    told.push_back(at.value());
                  });
  }
  CHECK(work.RunNow().ok());
  CHECK(told == std::vector<std::int64_t>{1, 3});
  CHECK(log.durable() == Offset(3));
  CHECK(work.RunNow().ok());
  CHECK(told.size() == 2);
  std::move(*claim).Commit();
  CHECK(work.RunNow().ok());
  CHECK(told == std::vector<std::int64_t>{1, 3, 4, 5, 6});
}

TEST_CASE("A claim that is open in one partition keeps nobody waiting in another one") {
  LogFixture held;
  LogFixture other;
  held.Write("v");
  other.WriteMany(2);
  const RecordClaim claim = held.log().Claim({.value_bytes = 1}).value();
  int told = 0;  // what waits is told at the end, too
  SyncScheduler work(Background::kCaller);
  const auto count = [&](const absl::Status& status, Offset) { told += status.ok(); };
  work.SyncSoon(held.log().shared_from_this(), Offset(2), count);
  work.SyncSoon(other.log().shared_from_this(), Offset(2), count);
  CHECK(work.RunNow().ok());
  CHECK(told == 1);
}

TEST_CASE(
    "The thread looks again at what waits for a claim, and tells of it once it is committed") {
  LogFixture log;
  std::optional<RecordClaim> claim = log.log().Claim({.value_bytes = 1}).value();
  SyncScheduler work(Background::kCaller);
  int told = 0;
  work.SyncSoon(log.log().shared_from_this(), Offset(1),
                [&](const absl::Status&, Offset) { ++told; });
  const SteadyTime start = std::chrono::steady_clock::now();
  CHECK(work.RunDue(start) == start);
  const SteadyTime again = work.RunDue(start);
  CHECK(again > start);
  CHECK(again < start + std::chrono::seconds(1));
  std::move(*claim).Commit();
  CHECK(work.RunDue(start) == again);  // not before
  CHECK(work.RunDue(again) == again);
  CHECK(work.RunDue(again) == SteadyTime::max());
  CHECK(log.durable() == Offset(1));
  CHECK(work.RunNow().ok());
  CHECK(told == 1);
}

TEST_CASE("Syncs at kInterval begin early enough to be done when the interval is up") {
  BrokerFixture broker;
  constexpr int kPartitions = 100;
  const Topic topic = broker.MakeTopic(
      "t", {.partitions = kPartitions, .flush_interval = std::chrono::milliseconds(100)});
  SyncScheduler work(Background::kCaller);
  work.ExpectSyncTime(std::chrono::milliseconds(10));  // 1 s for all of them
  for (int i = 0; i < kPartitions; ++i) {
    REQUIRE(topic.partition(i).Append(RecordOf("v")).ok());
    work.SyncLater(Access::Log(topic.partition(i)));
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  CHECK(work.RunDue(now) <= now);
  int durable = 0;
  for (int i = 0; i < kPartitions; ++i) {
    durable += topic.partition(i).durable_offset().value() == Offset(1);
  }
  CHECK(durable == 1);
  // With less to do it is time enough later.
  SyncScheduler quick(Background::kCaller);
  quick.ExpectSyncTime(std::chrono::milliseconds(10));
  quick.SyncLater(Access::Log(topic.partition(5)));
  const SteadyTime start = quick.RunDue(now);
  CHECK(start > now + std::chrono::milliseconds(50));
  CHECK(start < std::chrono::steady_clock::now() + std::chrono::milliseconds(91));
  CHECK(quick.RunDue(start) == start);
  CHECK(topic.partition(5).durable_offset().value() == Offset(1));
  CHECK(quick.RunDue(start) == SteadyTime::max());
}

TEST_CASE("A callback that does not return keeps no other partition from its sync") {
  LogFixture slow;
  LogFixture other;
  slow.Write("v");
  other.Write("v");
  SyncScheduler work(Background::kThread);
  REQUIRE(work.Start(ThreadFactory::System()).ok());
  std::atomic<bool> is_in_callback{false};
  std::atomic<bool> may_return{false};
  work.SyncSoon(slow.log().shared_from_this(), Offset(1), [&](const absl::Status&, Offset) {
    is_in_callback = true;
    while (!may_return) std::this_thread::yield();
  });
  while (!is_in_callback) std::this_thread::yield();
  work.SyncLater(other.log());
  while (other.durable() != Offset(1)) std::this_thread::yield();
  may_return = true;
  work.Stop();
  CHECK(other.durable() == Offset(1));
}

TEST_CASE("A thread that sleeps looks again at what RunNow found behind an open claim") {
  LogFixture held;
  LogFixture other;
  held.Write("v");
  other.Write("v");
  std::optional<RecordClaim> claim = held.log().Claim({.value_bytes = 1}).value();
  SyncScheduler work(Background::kThread);
  std::atomic<int> told{0};
  const auto count = [&](const absl::Status& status, Offset) { told += status.ok(); };
  bool is_first = true;
  // In the middle of RunNow the thread finds nothing to do, but for a moment.
  held.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    if (operation != SimulatedFileSystem::Operation::kSync || !std::exchange(is_first, false)) {
      return absl::OkStatus();
    }
    REQUIRE(work.Start(ThreadFactory::System()).ok());
    work.SyncSoon(other.log().shared_from_this(), Offset(1), count);
    while (told < 1) std::this_thread::yield();
    return absl::OkStatus();
  });
  work.SyncSoon(held.log().shared_from_this(), Offset(2), count);
  CHECK(work.RunNow().ok());
  CHECK(told == 1);
  std::move(*claim).Commit();
  const auto deadline = Soon();
  while (told < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(told == 2);
}

TEST_CASE("What RunNow comes to while the work is stopped is told before Stop returns") {
  const Background mode = GENERATE(Background::kThread, Background::kCaller);
  const bool is_behind_claim = GENERATE(false, true);
  LogFixture log;
  log.Write("v");
  std::optional<RecordClaim> claim;
  if (is_behind_claim) claim.emplace(log.log().Claim({.value_bytes = 1}).value());
  SyncScheduler work(mode);
  std::atomic<int> told{0};
  std::atomic<int> told_at_end{-1};
  std::thread stopper;
  log.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    if (operation != SimulatedFileSystem::Operation::kSync || stopper.joinable()) {
      return absl::OkStatus();
    }
    REQUIRE(work.Start(ThreadFactory::System()).ok());
    stopper = std::thread([&] {
      work.Stop();
      told_at_end = told.load();
    });
    // It must not come to its end now; were it to, this is time enough.
    for (int i = 0; i < 1000 && told_at_end < 0; ++i) std::this_thread::yield();
    return absl::OkStatus();
  });
  work.SyncSoon(log.log().shared_from_this(), Offset(is_behind_claim ? 2 : 1),
                [&](const absl::Status&, Offset) { ++told; });
  CHECK(work.RunNow().ok());
  REQUIRE(stopper.joinable());
  stopper.join();
  CHECK(told == 1);
  if (mode == Background::kThread) CHECK(told_at_end == 1);
}

TEST_CASE("Threads that cannot be started are told of, and nothing is left behind") {
  for (int threads = 0; threads < 2; ++threads) {
    FewThreads few(threads);
    SyncScheduler work(Background::kThread);
    CHECK(absl::IsResourceExhausted(work.Start(few)));
  }
  FewThreads none(0);
  SyncScheduler work(Background::kCaller);
  CHECK(work.Start(none).ok());
  CHECK(none.asked() == 0);
}

}  // namespace daybook
