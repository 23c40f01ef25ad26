#include <random>
#include <thread>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

Cursor At(Offset offset) { return {.offset = offset, .segment = nullptr, .position = 0}; }

}  // namespace

TEST_CASE("A long log has few of its segments mapped, and reads all of them") {
  LogFixture log;
  log.limits().idle_maps = 3;
  log.WriteMany(10'000);
  REQUIRE(log.Segments().size() > 15);
  CHECK(log.limits().maps_held <= 4);
  const std::vector<std::string> values = log.Values();
  CHECK(values.size() == 10'000);
  CHECK(values.back().substr(0, 4) == "9999");
  CHECK(log.limits().maps_held <= 5);
  // In any order, too.
  std::minstd_rand random(7);
  for (int i = 0; i < 500; ++i) {
    const Offset offset(static_cast<std::int64_t>(random() % 10'000));
    Cursor cursor = At(offset);
    const auto batch = log.log().Read(cursor, {.max_records = 1});
    REQUIRE(batch.ok());
    CHECK(batch->begin()->value.substr(0, 2) == std::to_string(offset.value()).substr(0, 2));
    REQUIRE(log.limits().maps_held <= 5);
  }
}

TEST_CASE("A segment that somebody reads stays mapped") {
  LogFixture log;
  log.limits().idle_maps = 1;
  log.Write("kept");
  Cursor cursor = At(Offset(0));
  const auto batch = log.log().Read(cursor, {});
  log.WriteMany(5'000);
  CHECK(batch->begin()->value == "kept");
  Cursor open = cursor;
  CHECK(log.log().Read(open, {}).ok());
}

TEST_CASE("Of a segment that is gone a log keeps no more than its gate") {
  LogFixture log;
  log.limits().idle_maps = 3;
  log.WriteMany(10'000);
  const std::size_t rolls = log.Segments().size() - 1;
  CHECK(log.log().gates_left() <= rolls);
  CHECK(log.log().gates_left() + 4 >= rolls);
  CHECK(sizeof(ClaimGate) == 128);
  CHECK(log.Values().size() == 10'000);
}

TEST_CASE("Segments that were unmapped before they were synced become durable with the others") {
  LogFixture log;
  log.limits().idle_maps = 2;
  log.WriteMany(10'000);
  REQUIRE(log.limits().maps_held <= 3);
  log.Sync();
  CHECK(log.durable() == Offset(10'000));
  log.CutPower(3);
  CHECK(log.Values().size() == 10'000);
}

TEST_CASE("After a kill a log that was never synced opens with one map and syncs the others") {
  LogFixture log;
  log.WriteMany(10'000);
  log.Kill();
  const std::int64_t before = log.limits().maps_held;
  CHECK(log.end() == Offset(10'000));
  CHECK(log.limits().maps_held == before + 1);
  log.Sync();
  CHECK(log.durable() == Offset(10'000));
  log.CutPower(5);
  CHECK(log.Values().size() == 10'000);
}

TEST_CASE("Where there are many maps, a partition keeps fewer idle ones") {
  LogFixture log;
  log.limits().many_maps = 2;
  log.limits().scarce_maps = 1;
  log.WriteMany(5'000);
  CHECK(log.limits().maps_held <= 3);
}

TEST_CASE("A claim that is open keeps its segment mapped over many rolls") {
  LogFixture log;
  log.limits().idle_maps = 1;
  auto claim = log.log().Claim({.value_bytes = 4});
  REQUIRE(claim.ok());
  log.WriteMany(5'000);
  std::fill_n(claim->value().data(), 4, std::byte{'y'});
  std::move(*claim).Commit();
  CHECK(log.Values().front() == "yyyy");
  CHECK(log.Values().size() == 5'001);
}

TEST_CASE("A partition that has no right to keep a descriptor works without") {
  LogFixture log(Durability::kDisk, 1 << 20);
  log.limits().files = 0;
  for (int i = 0; i < 100; ++i) log.Write(std::string(1000, 'x'));
  CHECK(log.durable() == Offset(100));
  CHECK(log.limits().files_held == 0);
}

// Waits without a memory order: what one thread did is known to the other, and nothing more. So
// ThreadSanitizer sees whether the log itself puts the two in order.
void AwaitRelaxed(const std::atomic<bool>& flag) {
  while (!flag.load(std::memory_order_relaxed)) std::this_thread::yield();
}

TEST_CASE("What another thread appended is seen before its segment is unmapped") {
  LogFixture log;
  log.limits().idle_maps = 1;
  log.Write("first");  // the segment is there, and the next append takes no lock
  std::atomic<bool> has_appended{false};
  std::atomic<bool> may_end{false};
  std::thread other([&] {
    log.log().Append(RecordOf("second"), std::nullopt).IgnoreError();
    has_appended.store(true, std::memory_order_relaxed);
    AwaitRelaxed(may_end);
  });
  AwaitRelaxed(has_appended);
  log.WriteMany(5'000);
  may_end.store(true, std::memory_order_relaxed);
  other.join();
  CHECK(log.limits().maps_held < 5);
  CHECK(log.Values().size() == 5'002);
}

TEST_CASE("What another thread read is seen before its segment is unmapped") {
  LogFixture log;
  log.limits().idle_maps = 1;
  log.Write("first");
  std::atomic<bool> has_read{false};
  std::atomic<bool> may_end{false};
  std::atomic<std::size_t> read{0};
  std::thread other([&] {
    Cursor cursor = At(Offset(0));
    {
      const auto batch = log.log().Read(cursor, {});
      if (batch.ok()) {
        for (const RecordView& record : *batch) read += record.value.size();
      }
      cursor = At(Offset(0));  // lets go of the segment, as the batch does
    }
    has_read.store(true, std::memory_order_relaxed);
    AwaitRelaxed(may_end);
  });
  AwaitRelaxed(has_read);
  log.WriteMany(5'000);
  may_end.store(true, std::memory_order_relaxed);
  other.join();
  CHECK(read == 5);
  CHECK(log.limits().maps_held < 5);
}

TEST_CASE("Threads that append, wait for syncs and read do not disturb the unmapping") {
  LogFixture log;
  log.limits().idle_maps = 1;
  constexpr int kRecords = 3'000;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&log, &wrong] {
      const std::string value(300, 'v');
      for (int i = 0; i < kRecords; ++i) {
        const bool waits = i % 50 == 0;
        const auto offset =
            log.log().Append(RecordOf(value), waits ? Durability::kDisk : Durability::kProcess);
        wrong += !offset.ok();
      }
    });
  }
  threads.emplace_back([&log, &wrong] {
    Cursor cursor = At(Offset(0));
    while (cursor.offset < Offset(2 * kRecords)) {
      const auto batch = log.log().Read(cursor, {});
      wrong += !batch.ok();
      if (!batch.ok()) break;
      for (const RecordView& record : *batch) wrong += record.value.size() != 300;
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace daybook
