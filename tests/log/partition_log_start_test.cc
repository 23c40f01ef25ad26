#include <string>
#include <vector>

#include "catch.h"
#include "log/check/verify.h"
#include "log/store/log_start.h"
#include "support/log/forged_log.h"
#include "support/log/long_log.h"

namespace daybook {
namespace {

Cursor At(Offset offset) { return {.offset = offset, .segment = nullptr, .position = 0}; }

}  // namespace

TEST_CASE("A log can begin in the middle of a segment, and does so after a power cut, too") {
  LongLog log;
  const Offset start = log.Base(2) + 17;
  REQUIRE(log.log().RaiseLogStart(start).ok());
  const auto check = [&] {
    CHECK(log.begin() == start);
    CHECK(log.Base(0) <= start);
    log.CheckValues();
    Cursor before = At(Offset(start.value() - 1));
    CHECK(absl::IsOutOfRange(log.log().Read(before, {}).status()));
    CHECK(log.log().NextReadable(Offset(0)).value() == start);
    CHECK(log.log().OffsetForTime(Timestamp()).value() == start);
    CHECK(log.log().ReadBackwards(start, {}).value().empty());
    CHECK(absl::IsOutOfRange(log.log().ReadBackwards(Offset(start.value() - 1), {}).status()));
    const auto last = log.log().ReadBackwards(start + 3, {}).value();
    CHECK(last.size() == 3);
    CHECK(last.begin()->offset == start);
  };
  check();
  CHECK(log.Segments().front() == SegmentFileName(log.Base(0), ".log"));
  log.Kill();
  check();
  log.CutPower(1);
  check();
  REQUIRE(log.log().RaiseLogStart(Offset(5)).ok());  // never back
  check();
}

TEST_CASE("Of a log whose start is its end nothing is left to read, and appends go on") {
  LongLog log;
  REQUIRE(log.log().RaiseLogStart(log.end()).ok());
  CHECK(log.begin() == log.end());
  CHECK(log.Values(log.end()).empty());
  log.CutPower(2);
  CHECK(log.begin() == log.end());
  log.WriteOffsets(3);
  log.CheckValues();
  CHECK(log.begin() == Offset(4'000));
}

TEST_CASE("A log does not begin behind what readers see") {
  LongLog log;
  CHECK(absl::IsOutOfRange(log.log().RaiseLogStart(log.end() + 1)));
  const Record record = RecordOf("t");
  const auto prepared = log.log().AppendTransactional({&record, 1}, 7).value();
  log.WriteOffsets(3);
  CHECK(absl::IsOutOfRange(log.log().RaiseLogStart(prepared.first + 1)));
  CHECK(log.begin() == Offset(0));
  CHECK(log.log().RaiseLogStart(prepared.first).ok());
}

TEST_CASE("A reader that stands before a new start is told, and so is one that waits") {
  LongLog log;
  Cursor reader = At(Offset(3));
  REQUIRE(log.log().Read(reader, {.max_records = 1}).ok());
  REQUIRE(log.log().RaiseLogStart(Offset(100)).ok());  // in the segment that it reads
  CHECK(log.log().HasMore(reader));
  CHECK(absl::IsOutOfRange(log.log().Read(reader, {}).status()));
}

TEST_CASE("A start in the middle of a batch leaves the rest of it") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes, {.is_on = is_compressed});
    std::vector<Record> records;
    for (const char* value : {"a", "b", "c", "d"}) records.push_back(RecordOf(value));
    REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
    log.Write("e");
    REQUIRE(log.log().RaiseLogStart(Offset(2)).ok());
    CHECK(log.Values(Offset(2)) == std::vector<std::string>{"c", "d", "e"});
    CHECK(log.log().OffsetForTime(Timestamp()).value() == Offset(2));
    const auto back = log.log().ReadBackwards(Offset(4), {}).value();
    CHECK(back.size() == 2);
    CHECK(back.begin()->value == "c");
    CHECK(log.log().ReadBackwards(Offset(2), {}).value().empty());
  }
}

TEST_CASE("A damaged start counts for nothing, and verify tells of it") {
  LongLog log;
  REQUIRE(log.log().RaiseLogStart(Offset(100)).ok());
  log.Corrupt(std::string(kLogStartFile), 20);
  log.Kill();
  CHECK(log.begin() == Offset(0));
  log.CheckValues();
  const auto verified =
      VerifyPartition(*log.root().OpenDirectory("orders-0").value(), log.disk().BootId(), nullptr);
  REQUIRE(verified.ok());
  REQUIRE(verified->issues.size() == 1);
  CHECK(verified->issues[0].file == kLogStartFile);
  CHECK_FALSE(verified->has_damage());
}

TEST_CASE("A follower sees where the log begins") {
  LongLog log;
  const auto follower = log.Follow();
  CHECK(follower->begin_offset().value() == Offset(0));
  REQUIRE(log.log().RaiseLogStart(Offset(100)).ok());
  CHECK(follower->begin_offset().value() == Offset(100));
  CHECK(absl::IsFailedPrecondition(follower->RaiseLogStart(Offset(200))));
}

TEST_CASE("A disk that fails while the start is written leaves it where it was") {
  LongLog log;
  log.disk().SetHook([](SimulatedFileSystem::Operation, const std::string& path) {
    return path.find("replace") != std::string::npos ? absl::ResourceExhaustedError("full")
                                                     : absl::OkStatus();
  });
  CHECK(absl::IsResourceExhausted(log.log().RaiseLogStart(Offset(100))));
  CHECK(log.begin() == Offset(0));
  log.disk().SetHook(nullptr);
  CHECK(log.log().RaiseLogStart(Offset(100)).ok());
  CHECK(log.begin() == Offset(100));
}

TEST_CASE("Readers come no further than the visible end, in a batch, too") {
  LogFixture log;
  std::vector<Record> records;
  for (const char* value : {"a", "b", "c", "d"}) records.push_back(RecordOf(value));
  log.log().SetVisibleEnd(Offset(0));
  REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
  log.Write("e");
  log.Write("f");
  CHECK(log.Values().empty());
  Cursor reader = At(Offset(0));
  REQUIRE(log.log().Read(reader, {}).ok());
  CHECK_FALSE(log.log().HasMore(reader));
  CHECK(log.log().stable_end().value() == Offset(0));
  CHECK(log.end() == Offset(6));
  for (const std::int64_t end : {1, 3, 4, 5}) {
    log.log().SetVisibleEnd(Offset(end));
    CHECK(log.log().stable_end().value() == Offset(end));
    CHECK(log.log().HasMore(reader));
    std::int64_t next = reader.offset.value();
    while (next < end) {
      const auto batch = log.log().Read(reader, {}).value();
      REQUIRE_FALSE(batch.empty());
      for (const RecordView& record : batch) CHECK(record.offset == Offset(next++));
    }
    CHECK(next == end);
    CHECK(log.log().Read(reader, {}).value().empty());
    CHECK_FALSE(log.log().HasMore(reader));
    const auto last = log.log().ReadBackwards(Offset(6), {.max_records = 1}).value();
    CHECK(last.begin()->offset == Offset(end - 1));
  }
}

TEST_CASE("A named producer goes on behind a start that is in the middle of a segment") {
  LogFixture log;
  for (std::int64_t sequence = 0; sequence < 5; ++sequence) {
    REQUIRE(log.log().AppendSequenced(RecordOf("v"), 42, sequence).ok());
  }
  log.Sync();
  for (const std::int64_t start : {3, 5}) {
    REQUIRE(log.log().RaiseLogStart(Offset(start)).ok());
    log.Kill();
    CHECK(log.log().LastSequence(42).value()->sequence == 4);
    CHECK(log.log().AppendSequenced(RecordOf("v"), 42, 4).value() == Offset(4));  // once
    CHECK(log.end() == Offset(5));
  }
  CHECK(log.log().AppendSequenced(RecordOf("v"), 42, 5).value() == Offset(5));
}

TEST_CASE("A start behind the end of a log that has lost it deletes nothing that comes later") {
  LogFixture log;
  log.WriteMany(10);
  REQUIRE(WriteLogStart(*log.root().OpenDirectory("orders-0").value(), Offset(50)).ok());
  const auto follower = log.Follow();
  CHECK(follower->begin_offset().value() == Offset(10));
  CHECK(follower->end_offset().value() == Offset(10));
  log.Kill();
  CHECK(log.log().begin_offset().value() == Offset(10));
  log.Write("new");
  log.Sync();
  log.Kill();
  CHECK(log.log().begin_offset().value() == Offset(10));
  CHECK(log.Values(Offset(10)) == std::vector<std::string>{"new"});
}

TEST_CASE("What is missing before the visible end is told, also if the next record is behind it") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  log.CloseCleanly();
  AppendForged(log, {5, 6});
  log.Kill();
  log.log().SetVisibleEnd(Offset(4));
  Cursor reader = At(Offset(0));
  REQUIRE(log.log().Read(reader, {}).value().size() == 2);
  CHECK(log.log().HasMore(reader));
  CHECK(absl::IsDataLoss(log.log().Read(reader, {}).status()));
  log.log().SetVisibleEnd(Offset(2));
  CHECK_FALSE(log.log().HasMore(reader));
  CHECK(log.log().Read(reader, {}).value().empty());
}

}  // namespace daybook
