#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr std::size_t kSegments = 8;

LogFixture InMemory(WhenFull when_full, std::chrono::nanoseconds max_block = {}) {
  return LogFixture(
      Durability::kProcess, LogFixture::kSegmentBytes, {},
      MemorySettings{.segments = kSegments, .when_full = when_full, .max_block = max_block});
}

// Appends until the log drops something or refuses.
absl::Status FillUp(LogFixture& log) {
  const std::string value(100, 'x');
  while (log.log().begin_offset().value() == Offset(0)) {
    const auto offset = log.log().Append(RecordOf(value), std::nullopt);
    if (!offset.ok()) return offset.status();
  }
  return absl::OkStatus();
}

Cursor At(Offset offset) { return {.offset = offset, .segment = nullptr, .position = 0}; }

}  // namespace

TEST_CASE("Records in memory come back in order, and leave no file") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  CHECK(log.Write("a") == Offset(0));
  CHECK(log.Write("b") == Offset(1));
  CHECK(log.Values() == std::vector<std::string>{"a", "b"});
  CHECK(log.Segments().empty());
  log.CloseCleanly();
  CHECK(log.Values().empty());
}

TEST_CASE("A full memory log drops its oldest records and keeps the newest") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  REQUIRE(FillUp(log).ok());
  const Offset begin = log.log().begin_offset().value();
  CHECK(begin > Offset(400));
  for (int lap = 0; lap < 5; ++lap) log.WriteMany(4000);
  const Offset now = log.log().begin_offset().value();
  const std::vector<std::string> values = log.Values(now);
  CHECK(static_cast<std::int64_t>(values.size()) == log.end() - now);
  CHECK(values.size() > (kSegments - 1) * 400);
  CHECK(values.back().substr(0, 4) == "3999");
  Cursor gone = At(begin);
  CHECK(absl::IsOutOfRange(log.log().Read(gone, {}).status()));
}

TEST_CASE("A reader that was overtaken is told so, and which offset to go on with") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  log.WriteMany(10);
  Cursor cursor = At(Offset(0));
  REQUIRE(log.log().Read(cursor, {.max_records = 5}).value().size() == 5);
  REQUIRE(FillUp(log).ok());
  const Offset first_drop = log.log().begin_offset().value();
  log.WriteMany(1000);
  REQUIRE(log.log().begin_offset().value() > first_drop);
  // The segment that the cursor stands in stays, to its end.
  std::size_t read = 5;
  for (;;) {
    const auto batch = log.log().Read(cursor, {});
    if (!batch.ok()) {
      CHECK(absl::IsOutOfRange(batch.status()));
      break;
    }
    REQUIRE_FALSE(batch->empty());
    read += batch->size();
  }
  CHECK(log.log().HasMore(cursor));  // to be told
  CHECK(static_cast<std::int64_t>(read) == first_drop.value());
  CHECK(log.log().NextReadable(cursor.offset).value() == log.log().begin_offset().value());
}

TEST_CASE("A batch that is held keeps its bytes while its segment is dropped and others recycled") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  log.Write("kept");
  Cursor cursor = At(Offset(0));
  const auto batch = log.log().Read(cursor, {});
  REQUIRE(batch.ok());
  cursor = At(Offset(0));
  for (int lap = 0; lap < 3; ++lap) log.WriteMany(5000);
  CHECK(batch->begin()->value == "kept");
}

TEST_CASE("A full memory log that may not drop refuses until its reader has moved on") {
  LogFixture log = InMemory(WhenFull::kFail);
  const auto status = FillUp(log);
  CHECK(absl::IsResourceExhausted(status));
  CHECK(status.message().find("nobody reads it") != std::string::npos);
  const Offset end = log.end();
  {
    const auto mark = log.log().Mark(Offset(0));
    const auto refused = log.log().Append(RecordOf("x"), std::nullopt).status();
    CHECK(refused.message().find("the slowest reader is at offset 0") != std::string::npos);
    mark->Move(end);
    CHECK(log.Write("x") == end);
  }
  CHECK(log.Values(end) == std::vector<std::string>{"x"});
}

TEST_CASE("Nothing unread is dropped for the sake of a faster reader") {
  LogFixture log = InMemory(WhenFull::kFail);
  const auto slow = log.log().Mark(Offset(0));
  const auto fast = log.log().Mark(Offset(0));
  REQUIRE(absl::IsResourceExhausted(FillUp(log)));
  fast->Move(log.end());
  CHECK_FALSE(log.log().Append(RecordOf("x"), std::nullopt).ok());
  CHECK(log.log().begin_offset().value() == Offset(0));
}

TEST_CASE("Where appends wait for room, they wait no longer than they may") {
  LogFixture log = InMemory(WhenFull::kBlock, std::chrono::nanoseconds(0));
  CHECK(absl::IsResourceExhausted(FillUp(log)));
}

TEST_CASE("An append that waits for room goes on when the reader has moved") {
  LogFixture log = InMemory(WhenFull::kBlock, std::chrono::hours(1));
  const auto mark = log.log().Mark(Offset(0));
  absl::Status filled;
  std::thread producer([&] { filled = FillUp(log); });
  // It can go on only if somebody reads.
  Cursor cursor = At(Offset(0));
  while (log.log().begin_offset().value() == Offset(0)) {
    const auto batch = log.log().Read(cursor, {});
    REQUIRE(batch.ok());
    mark->Move(cursor.offset);
  }
  producer.join();
  CHECK(filled.ok());
}

TEST_CASE("An append that waits for room is woken when the log is closed") {
  LogFixture log = InMemory(WhenFull::kBlock, std::chrono::hours(1));
  std::atomic<std::int64_t> appended{0};
  absl::Status status;
  std::thread producer([&] {
    const std::string value(100, 'x');
    while (status.ok()) {
      status = log.log().Append(RecordOf(value), std::nullopt).status();
      ++appended;
    }
  });
  while (appended < 3000) std::this_thread::yield();
  log.log().Close(absl::FailedPreconditionError("closed"));
  producer.join();
  CHECK(absl::IsFailedPrecondition(status));
}

TEST_CASE("A claim that is forgotten does not let a memory log grow without end") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  auto claim = log.log().Claim({.value_bytes = 100});
  REQUIRE(claim.ok());
  const auto status = FillUp(log);
  CHECK(absl::IsResourceExhausted(status));
  CHECK(status.message().find("a claim in the oldest part is held open") != std::string::npos);
  std::move(*claim).Commit();
  CHECK(FillUp(log).ok());
}

TEST_CASE("Appends wait for a claim whose thread was held up while the memory log went around") {
  LogFixture log = InMemory(WhenFull::kDropOldest, std::chrono::hours(1));
  auto claim = log.log().Claim({.value_bytes = 100});
  REQUIRE(claim.ok());
  std::atomic<int> appended{0};
  absl::Status status;
  std::thread producer([&] {
    const std::string value(100, 'x');
    for (int i = 0; i < 20'000 && status.ok(); ++i) {
      status = log.log().Append(RecordOf(value), std::nullopt).status();
      ++appended;
    }
  });
  while (appended < 7'000) std::this_thread::yield();
  std::move(*claim).Commit();
  producer.join();
  CHECK(status.ok());
}

TEST_CASE("Batches, claims given up and compression are the same in memory") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes,
                 {.is_on = true, .level = 1, .dictionary_bytes = 0},
                 MemorySettings{.segments = kSegments});
  const std::string value(200, 'y');
  const std::vector<Record> records(10, RecordOf(value));
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
    { const auto given_up = log.log().Claim({.value_bytes = 50}); }
    auto claim = log.log().Claim({.value_bytes = value.size()});
    std::memcpy(claim->value().data(), value.data(), value.size());
    std::move(*claim).Commit();
  }
  const Offset begin = log.log().begin_offset().value();
  CHECK(begin > Offset(0));
  const std::vector<std::string> values = log.Values(begin);
  std::size_t expected = 0;
  for (Offset offset = begin; offset < log.end(); offset = offset + 1) {
    expected += offset.value() % 12 != 10;  // those were given up
  }
  CHECK(values.size() == expected);
  CHECK(std::set<std::string>(values.begin(), values.end()) == std::set<std::string>{value});
}

TEST_CASE("Offsets and times are found in segments that were recycled") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  for (int i = 0; i < 20'000; ++i) {
    log.clock().Advance(std::chrono::microseconds(1));
    log.Write(std::to_string(i));
  }
  const Offset begin = log.log().begin_offset().value();
  REQUIRE(begin > Offset(0));
  for (Offset offset = begin; offset < log.end(); offset = offset + 97) {
    Cursor cursor = At(offset);
    const auto batch = log.log().Read(cursor, {.max_records = 1});
    REQUIRE(batch.ok());
    CHECK(batch->begin_offset() == offset);
    CHECK(batch->begin()->value == std::to_string(offset.value()));
    CHECK(log.log().OffsetForTime(batch->begin()->append_time).value() == offset);
  }
}

TEST_CASE("Nobody can wait for memory to become durable") {
  LogFixture log = InMemory(WhenFull::kDropOldest);
  log.Write("a");
  CHECK(absl::IsFailedPrecondition(log.log().WaitDurable(Offset(1), Soon())));
  CHECK(absl::IsFailedPrecondition(log.log().Append(RecordOf("b"), Durability::kDisk).status()));
  CHECK(log.durable() == Offset(0));
}

TEST_CASE("Many threads through a small memory log lose nothing and mix nothing up") {
  LogFixture log = InMemory(WhenFull::kBlock, std::chrono::hours(1));
  constexpr int kProducers = 3;
  constexpr int kReaders = 2;
  constexpr int kRecords = 20'000;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<ReadMark>> marks;
  for (int i = 0; i < kReaders; ++i) marks.push_back(log.log().Mark(Offset(0)));
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&log, p] {
      std::minstd_rand random(static_cast<unsigned>(p));
      for (int i = 0; i < kRecords; ++i) {
        std::string value = std::to_string(p) + ":" + std::to_string(i) + ":";
        value.append(random() % 100, static_cast<char>('a' + p));
        if (!log.log().Append(RecordOf(value), std::nullopt).ok()) std::abort();
      }
    });
  }
  std::atomic<int> wrong{0};
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&log, &wrong, mark = marks[static_cast<std::size_t>(r)].get()] {
      std::vector<int> next(kProducers, 0);
      Cursor cursor = At(Offset(0));
      while (cursor.offset < Offset(kProducers * kRecords)) {
        const auto batch = log.log().Read(cursor, {.max_records = 500});
        if (!batch.ok()) std::abort();
        for (const RecordView& record : *batch) {
          const auto p = static_cast<std::size_t>(record.value[0] - '0');
          const std::size_t text = record.value.rfind(':') + 1;
          if (std::stoi(std::string(record.value.substr(2))) != next[p]++) ++wrong;
          for (const char c : record.value.substr(text)) wrong += c != static_cast<char>('a' + p);
        }
        mark->Move(cursor.offset);
        if (batch->empty()) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("A memory log is dropped from while others append, whoever drops a segment first") {
  LogFixture log = InMemory(WhenFull::kDropOldest, std::chrono::minutes(1));
  constexpr int kThreads = 2;
  constexpr int kRecords = 60'000;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const std::string value(100, 'x');
      for (int i = 0; i < kRecords; ++i) {
        if (!log.log().Append(RecordOf(value), std::nullopt).ok()) std::abort();
      }
      --running;
    });
  }
  int failed = 0;
  while (running != 0) failed += !log.log().DropBefore(log.end()).ok();
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(log.end() == Offset(kThreads * kRecords));
  CHECK(log.log().DropBefore(log.end()).ok());
  const Offset begin = log.log().begin_offset().value();
  CHECK(static_cast<std::int64_t>(log.Values(begin).size()) == log.end() - begin);
}

}  // namespace daybook
