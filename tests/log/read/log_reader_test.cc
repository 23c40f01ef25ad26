#include <set>
#include <string>
#include <thread>

#include "catch.h"
#include "log/partition_log.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

RecordBatch ReadAt(LogFixture& log, std::int64_t offset, ReadOptions options = {}) {
  Cursor cursor{.offset = Offset(offset), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, options);
  INFO(batch.status());
  REQUIRE(batch.ok());
  return *batch;
}

absl::Status StatusAt(LogFixture& log, std::int64_t offset) {
  Cursor cursor{.offset = Offset(offset), .segment = nullptr, .position = 0};
  return log.log().Read(cursor, {}).status();
}

}  // namespace

TEST_CASE("Every offset is found in every segment") {
  LogFixture log;
  log.WriteMany(1500);
  for (std::int64_t offset = 0; offset < 1500; ++offset) {
    const RecordBatch batch = ReadAt(log, offset, {.max_records = 1, .max_bytes = 1 << 20});
    REQUIRE(batch.size() == 1);
    REQUIRE(batch.begin_offset() == Offset(offset));
    const RecordBatch::Iterator record = batch.begin();
    REQUIRE(std::stoll(std::string(record->value)) == offset);
    REQUIRE(record->offset == Offset(offset));
  }
  CHECK(ReadAt(log, 1500).empty());
}

TEST_CASE("Offsets outside of the partition are refused with its range") {
  LogFixture log;
  log.Write("a");
  CHECK(absl::IsOutOfRange(StatusAt(log, 2)));
  CHECK(absl::IsOutOfRange(StatusAt(log, -1)));
  CHECK(StatusAt(log, 2).message().find("[0, 1)") != absl::string_view::npos);
}

TEST_CASE("A batch keeps to its limits but has at least one record") {
  LogFixture log;
  log.WriteMany(100, 100);
  CHECK(ReadAt(log, 0, {.max_records = 7, .max_bytes = 1 << 20}).size() == 7);
  CHECK(ReadAt(log, 0, {.max_records = 100, .max_bytes = 1000}).size() == 7);  // 128 bytes each
  CHECK(ReadAt(log, 0, {.max_records = 100, .max_bytes = 1}).size() == 1);
  CHECK(ReadAt(log, 0, {.max_records = 0, .max_bytes = 1}).size() == 1);
}

TEST_CASE("One damaged record costs one record and its offset is named") {
  for (std::uint64_t byte = 0; byte < 128; byte += 3) {
    LogFixture log;
    log.WriteMany(10);
    log.Corrupt("00000000000000000000.log", 4096 + 4 * 128 + byte);
    const std::vector<std::string> values = log.Values();
    if (byte >= 124) {  // behind the record: alignment, which nobody reads
      CHECK(values.size() == 10);
      continue;
    }
    REQUIRE(values.size() == 10);
    CHECK(values[4] == "<damage>");
    CHECK(std::count(values.begin(), values.end(), "<damage>") == 1);
    const auto status = StatusAt(log, 4);
    CHECK(absl::IsDataLoss(status));
    CHECK(status.message().find("offsets [4, 5)") != absl::string_view::npos);
    CHECK(log.log().NextReadable(Offset(4)).value() == Offset(5));
  }
}

TEST_CASE("A damaged index changes nothing but speed") {
  LogFixture log;
  log.WriteMany(1500);
  log.CloseCleanly();
  for (std::uint64_t position = 0; position < 100; ++position) {
    log.Corrupt("00000000000000000000.index", position, 0xff);
  }
  for (std::int64_t offset = 0; offset < 1500; offset += 11) {
    CHECK(ReadAt(log, offset, {.max_records = 1, .max_bytes = 1}).begin_offset() == Offset(offset));
  }
}

TEST_CASE("The first record of a time is found across segments") {
  LogFixture log;
  std::vector<Timestamp> times;
  for (int i = 0; i < 1200; ++i) {
    if (i % 3 == 0) log.clock().Advance(std::chrono::seconds(1));
    times.push_back(log.clock().Now());
    log.Write(std::string(150, 'x'));
  }
  const bool is_opened_again = GENERATE(false, true);
  if (is_opened_again) log.CloseCleanly();
  for (std::size_t i = 0; i < times.size(); i += 7) {
    const std::size_t first = i / 3 * 3;
    CHECK(log.log().OffsetForTime(times[i]).value() == Offset(static_cast<std::int64_t>(first)));
  }
  CHECK(log.log().OffsetForTime(Timestamp()).value() == Offset(0));
  CHECK(log.log().OffsetForTime(log.clock().Now() + std::chrono::seconds(1)).value() ==
        Offset(1200));
}

TEST_CASE("The first record of a time is found though the clock stands still over many segments") {
  LogFixture log;
  log.WriteMany(1'000);
  log.clock().Advance(std::chrono::seconds(1));
  const Timestamp still = log.clock().Now();
  log.WriteMany(5'000);
  CHECK(log.log().OffsetForTime(still).value() == Offset(1'000));
}

TEST_CASE("A reader is not misled by the file growing under its eyes") {
  for (int round = 0; round < 200; ++round) {
    LogFixture log;
    std::thread reader([&log] {
      Cursor cursor;
      const auto deadline = Soon();
      while (cursor.offset < Offset(100) && std::chrono::steady_clock::now() < deadline) {
        if (!log.log().Read(cursor, ReadOptions{}).ok()) std::terminate();
      }
    });
    for (int i = 0; i < 100; ++i) {
      if (!log.log().Append(RecordOf(std::string(3000, 'x')), std::nullopt).ok()) std::terminate();
    }
    reader.join();
  }
}

TEST_CASE("A batch stays readable when the log is gone") {
  RecordBatch kept;
  {
    LogFixture log;
    log.Write("still here");
    kept = ReadAt(log, 0);
  }
  CHECK(kept.begin()->value == "still here");
  CHECK(kept.topic() == "orders");
}

TEST_CASE("A cursor at the end goes on when more is written, over rolls too") {
  LogFixture log;
  Cursor cursor;
  std::int64_t seen = 0;
  for (int round = 0; round < 30; ++round) {
    CHECK_FALSE(log.log().HasMore(cursor));
    log.WriteMany(50);
    CHECK(log.log().HasMore(cursor));
    for (;;) {
      const auto batch = log.log().Read(cursor, ReadOptions{});
      REQUIRE(batch.ok());
      if (batch->empty()) break;
      CHECK(batch->begin_offset() == Offset(seen));
      seen += static_cast<std::int64_t>(batch->size());
    }
  }
  CHECK(seen == 1500);
}

TEST_CASE("A page of zeros among durable records is damage, with a way past it") {
  LogFixture log;
  for (int i = 0; i < 200; ++i) log.Write(std::to_string(i) + std::string(90, 'x'));
  log.Sync();
  {
    const auto directory = log.root().OpenDirectory("orders-0");
    const auto file = (*directory)->OpenFile("00000000000000000000.log", FileMode::kReadWrite);
    const std::vector<std::byte> zeros(4096);
    REQUIRE((*file)->WriteAt(8192, zeros).ok());
  }
  log.CutPower(1);
  const std::vector<std::string> values = log.Values();
  CHECK(values.size() > 160);
  CHECK(std::count(values.begin(), values.end(), "<damage>") == 1);
  CHECK(values.back().substr(0, 3) == "199");
  // Behind it, too, offsets are found.
  Cursor cursor{.offset = Offset(150), .segment = nullptr, .position = 0};
  CHECK(log.log().Read(cursor, {.max_records = 1})->begin()->value.substr(0, 3) == "150");
}

}  // namespace daybook
