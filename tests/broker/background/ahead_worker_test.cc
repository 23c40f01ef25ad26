#include "broker/background/ahead_worker.h"

#include <thread>

#include "catch.h"
#include "support/log_fixture.h"
#include "support/thread_factories.h"

namespace daybook {
namespace {

// A log that is over the middle of a big segment, so that the next one can be made ahead.
class HalfFullFixture : public LogFixture {
 public:
  HalfFullFixture() : LogFixture(Durability::kProcess, std::uint64_t{16} << 20) {
    WriteMany(160, 64 << 10);
  }
  bool is_done() const { return HasFile("next.tmp"); }
};

}  // namespace

TEST_CASE("Work ahead that the caller is to do waits for him") {
  HalfFullFixture log;
  AheadWorker worker(Background::kCaller);
  worker.Request(log.log());
  CHECK_FALSE(log.is_done());
  worker.RunNow();
  CHECK(log.is_done());
}

TEST_CASE("A thread works ahead otherwise") {
  HalfFullFixture log;
  AheadWorker worker(Background::kThread);
  REQUIRE(worker.Start(ThreadFactory::System()).ok());
  worker.Request(log.log());
  const auto deadline = Soon();
  while (!log.is_done() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  worker.Stop();
  CHECK(log.is_done());
}

TEST_CASE("A worker that was stopped takes no more work") {
  HalfFullFixture log;
  AheadWorker worker(Background::kThread);
  REQUIRE(worker.Start(ThreadFactory::System()).ok());
  worker.Stop();
  worker.Request(log.log());
  worker.RunNow();
  worker.Stop();
  CHECK_FALSE(log.is_done());
}

TEST_CASE("A worker whose thread cannot be started says so") {
  FewThreads none(0);
  AheadWorker worker(Background::kThread);
  CHECK(absl::IsResourceExhausted(worker.Start(none)));
}

}  // namespace daybook
