#include "broker/background.h"

#include <atomic>
#include <thread>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("Work that the caller is to do waits for him") {
  LogFixture log;
  BackgroundWork work(Background::kCaller);
  log.WriteMany(3);
  int told = 0;
  work.SyncSoon(log.log().shared_from_this(), Offset(3), [&](const absl::Status& status) {
    CHECK(status.ok());
    ++told;
  });
  work.SyncLater(log.log().shared_from_this(), std::chrono::hours(1));
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
  BackgroundWork work(Background::kThread);
  log.WriteMany(100);
  std::atomic<int> told{0};
  for (int i = 1; i <= 100; ++i) {
    work.SyncSoon(log.log().shared_from_this(), Offset(i), [&](const absl::Status& status) {
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
  BackgroundWork work(Background::kCaller);
  int cancelled = 0;
  const auto count = [&](const absl::Status& status) { cancelled += absl::IsCancelled(status); };
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
  BackgroundWork work(Background::kCaller);
  absl::Status told;
  work.SyncSoon(log.log().shared_from_this(), Offset(1),
                [&](const absl::Status& status) { told = status; });
  CHECK(absl::IsDataLoss(work.RunNow()));
  CHECK(absl::IsDataLoss(told));
}

}  // namespace daybook
