#include "broker/background/dirty_logs.h"

#include <array>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr std::chrono::milliseconds kTick{1};

struct Dirty {
  void Add(std::size_t log, SteadyTime due) { dirty.Add(logs[log].log(), due); }
  bool IsNext(std::size_t log) { return dirty.Take().get() == &logs[log].log(); }

  std::array<LogFixture, 3> logs;
  DirtyLogs dirty;
};

}  // namespace

TEST_CASE_METHOD(Dirty, "Partitions are synced in the order in which they are due") {
  CHECK(dirty.FirstStart() == SteadyTime::max());
  Add(0, kStart + 3 * kTick);
  Add(1, kStart + kTick);
  Add(2, kStart + 2 * kTick);
  REQUIRE(dirty.TakeArrivals());
  CHECK(dirty.FirstStart() == kStart + kTick);
  CHECK(IsNext(1));
  CHECK(IsNext(2));
  CHECK(IsNext(0));
  CHECK(dirty.FirstStart() == SteadyTime::max());
}

TEST_CASE_METHOD(Dirty, "A partition that comes again before it was taken in is due as it was") {
  Add(0, kStart);
  Add(0, kStart + kTick);
  REQUIRE(dirty.TakeArrivals());
  CHECK(dirty.TakeAll().size() == 1);
  Add(0, kStart + kTick);
  REQUIRE(dirty.TakeArrivals());
  CHECK(dirty.FirstStart() == kStart + kTick);
}

TEST_CASE_METHOD(Dirty, "Many partitions are begun with earlier, by what all of them should take") {
  dirty.ExpectSyncTime(10 * kTick);
  for (std::size_t i = 0; i < 3; ++i) Add(i, kStart);
  REQUIRE(dirty.TakeArrivals());
  CHECK(dirty.FirstStart() == kStart - 30 * kTick);
  dirty.Take();
  CHECK(dirty.FirstStart() == kStart - 20 * kTick);
  for (int i = 0; i < 100; ++i) dirty.NoteSyncTime(2 * kTick);
  CHECK(dirty.FirstStart() > kStart - 5 * kTick);
  CHECK(dirty.FirstStart() <= kStart - 4 * kTick);
}

TEST_CASE_METHOD(Dirty, "What was cleared may come again") {
  Add(0, kStart);
  REQUIRE(dirty.TakeArrivals());
  Add(1, kStart);
  dirty.Clear();
  REQUIRE(dirty.TakeArrivals());
  CHECK(dirty.FirstStart() == SteadyTime::max());
  Add(1, kStart);
  REQUIRE(dirty.TakeArrivals());
  CHECK(IsNext(1));
}

}  // namespace daybook
