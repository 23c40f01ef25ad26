#include <algorithm>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "catch.h"
#include "support/log/forged_log.h"
#include "support/log_fixture.h"

// Looking for records by time. What Kafka answers is restated from a run of Kafka 4.4.

namespace daybook {
namespace {

constexpr TopicCompressor::Settings kZstd{.is_on = true, .level = 1, .dictionary_bytes = 0};
const Timestamp kT{std::chrono::seconds(1'000'000'000)};

Timestamp At(std::int64_t millis) { return kT + std::chrono::milliseconds(millis); }

Record RecordAt(std::string_view value, std::int64_t millis) {
  Record record = RecordOf(value);
  record.timestamp = At(millis);
  return record;
}

// The offset for a time; absent: none, that is the end.
std::optional<std::int64_t> Find(PartitionLog& log, Timestamp time) {
  const auto offset = log.OffsetForTime(time);
  INFO(offset.status());
  REQUIRE(offset.ok());
  if (*offset == log.end_offset().value()) return std::nullopt;
  return offset->value();
}

// All records, and for each time the first that is late enough, by walking over all.
std::optional<std::int64_t> FindByWalk(PartitionLog& log, Timestamp time) {
  Cursor cursor{.offset = log.begin_offset().value(), .segment = nullptr, .position = 0};
  for (;;) {
    const auto batch = log.Read(cursor, ReadOptions{});
    if (absl::IsDataLoss(batch.status())) {
      cursor = {.offset = log.NextReadable(cursor.offset).value(), .segment = nullptr};
      continue;
    }
    REQUIRE(batch.ok());
    if (batch->empty()) return std::nullopt;
    for (const RecordView& record : *batch) {
      if (record.timestamp >= time) return record.offset.value();
    }
  }
}

struct Question {
  std::int64_t millis;
  std::optional<std::int64_t> offset;
};
struct KafkaCase {
  std::string name;
  // Each produce_batch is a list of times; of one alone it is a record of its own.
  std::vector<std::vector<std::int64_t>> batches;
  std::vector<Question> questions;
};

const std::vector<KafkaCase> kCases = {
    {"times-basic",
     {{100}, {200}, {300}},
     {{-1000, 0}, {99, 0}, {100, 0}, {101, 1}, {200, 1}, {250, 2}, {300, 2}, {301, {}}}},
    {"times-empty", {}, {{0, {}}, {1000, {}}}},
    {"times-equal",
     {{100}, {100}, {200}, {200}, {200}, {300, 300, 250}},
     {{100, 0}, {101, 2}, {200, 2}, {201, 5}, {300, 5}, {301, {}}}},
    {"times-out-of-order",
     {{500}, {100}, {900}, {300}, {800}, {200}},
     {{0, 0}, {100, 0}, {200, 0}, {501, 2}, {600, 2}, {801, 2}, {900, 2}, {901, {}}}},
    {"times-special", {{100}, {300}, {200}}, {{-1'000'000'000'000, 0}, {101, 1}, {301, {}}}},
    {"within a batch",
     {{900, 100, 950}, {100, 990, 100, 1000}, {1000, 1001}},
     {{901, 2}, {950, 2}, {951, 4}, {991, 6}, {1001, 8}, {1002, {}}}},
};

void Write(PartitionLog& log, const KafkaCase& wanted) {
  for (const auto& batch : wanted.batches) {
    std::vector<Record> records;
    for (const std::int64_t millis : batch) records.push_back(RecordAt("value", millis));
    const auto offset = records.size() == 1 ? log.Append(records[0], std::nullopt)
                                            : log.AppendBatch(records, std::nullopt);
    REQUIRE(offset.ok());
  }
}

void CheckAnswers(PartitionLog& log, const KafkaCase& wanted) {
  for (const Question& question : wanted.questions) {
    CAPTURE(wanted.name, question.millis);
    CHECK(Find(log, At(question.millis)) == question.offset);
  }
}

// Times of their own within an hour in the past, in any order; some have none; batches and
// transactions among them.
void WriteAnything(LogFixture& log, std::minstd_rand& random, int count) {
  const std::string bytes(300, '.');
  const auto record = [&] {
    const auto value = std::string_view(bytes).substr(0, 1 + random() % 300);
    return random() % 8 == 0 ? RecordOf(value) : RecordAt(value, random() % 3'600'000 - 7'200'000);
  };
  for (int i = 0; i < count; ++i) {
    log.clock().Advance(std::chrono::milliseconds(random() % 1'000));
    if (random() % 10 == 0) {
      std::vector<Record> records;
      for (auto n = 1 + random() % 20; n != 0; --n) records.push_back(record());
      if (random() % 2 == 0) {
        REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
      } else {
        const std::uint64_t id = random();
        REQUIRE(log.log().AppendTransactional(records, id).ok());
        random() % 2 == 0 ? log.transactions().Commit(id) : log.transactions().Abort(id);
      }
    } else {
      log.Write(record());
    }
  }
}

void CompareWithWalk(PartitionLog& log, std::minstd_rand& random) {
  for (int i = 0; i < 20; ++i) {
    const Timestamp time = At(random() % 4'200'000 - 7'500'000);
    CAPTURE(time.time_since_epoch().count());
    CHECK(Find(log, time) == FindByWalk(log, time));
  }
  CHECK(Find(log, At(-8'000'000)) == FindByWalk(log, At(-8'000'000)));
  CHECK_FALSE(Find(log, At(1'000'000'000)));
}

}  // namespace

TEST_CASE("A time is answered as Kafka does, whatever becomes of the process that wrote") {
  for (const KafkaCase& wanted : kCases) {
    for (const bool is_compressed : {false, true}) {
      CAPTURE(wanted.name, is_compressed);
      LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes,
                     is_compressed ? kZstd : TopicCompressor::Settings{});
      log.clock().Set(kT + std::chrono::hours(24));  // appended long after
      Write(log.log(), wanted);
      CheckAnswers(log.log(), wanted);
      CheckAnswers(*log.Follow(), wanted);
      log.Sync();
      log.CloseCleanly();
      CheckAnswers(log.log(), wanted);
      log.Kill();
      CheckAnswers(*log.Follow(), wanted);
      CheckAnswers(log.log(), wanted);
      log.CutPower(1);
      CheckAnswers(log.log(), wanted);
    }
  }
}

TEST_CASE("By the time of append, times that producers gave are not kept, in any kind of append") {
  LogFixture log;
  log.SetTimestampType(TimestampType::kLogAppendTime);
  log.clock().Set(kT);
  log.Write(RecordAt("a", -500));
  log.clock().Set(At(100));
  const std::vector<Record> records = {RecordAt("b", 100'000), RecordAt("c", 200'000)};
  REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
  log.clock().Set(At(200));
  REQUIRE(log.log().AppendTransactional(records, 7).ok());
  log.transactions().Commit(7);
  log.clock().Set(At(300));
  REQUIRE(log.log().AppendSequenced(RecordAt("f", 9'000), 1, 1).ok());
  log.clock().Set(At(400));
  auto claim = log.log().Claim({.value_bytes = 1, .timestamp = At(9'000)});
  REQUIRE(claim.ok());
  claim->value()[0] = std::byte{'g'};
  std::move(*claim).Commit();
  const std::vector<std::int64_t> times = {0, 100, 100, 200, 200, 300, 400};
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, ReadOptions{}).value();
  std::size_t index = 0;
  for (const RecordView& record : batch) {
    CHECK(record.timestamp == At(times[index++]));
    CHECK(record.timestamp == record.append_time);
  }
  CHECK(index == times.size());
  CHECK(Find(log.log(), At(-1'000)) == 0);
  CHECK(Find(log.log(), At(1)) == 1);
  CHECK(Find(log.log(), At(101)) == 3);
  CHECK_FALSE(Find(log.log(), At(401)));
}

TEST_CASE("When the type of timestamps is altered, records that are there stay as they are") {
  LogFixture log;
  log.clock().Set(kT);
  log.Write(RecordAt("1", -432'000'000));
  log.CloseCleanly();
  log.SetTimestampType(TimestampType::kLogAppendTime);
  log.Write(RecordAt("2", -432'000'000));
  log.SetTimestampType(TimestampType::kCreateTime);
  log.Write(RecordAt("3", -432'000'000));
  std::vector<Timestamp> seen;
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, ReadOptions{}).value();
  for (const RecordView& record : batch) seen.push_back(record.timestamp);
  CHECK(seen == std::vector<Timestamp>{At(-432'000'000), kT, At(-432'000'000)});
  CHECK(Find(log.log(), At(-432'000'000)) == 0);
  CHECK(Find(log.log(), At(-431'999'999)) == 1);
}

TEST_CASE("Any times in any order are found where a walk finds them, over many segments") {
  for (unsigned seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed + 1);
    LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes,
                   seed % 2 == 0 ? kZstd : TopicCompressor::Settings{});
    log.clock().Set(kT);
    for (int round = 0; round < 3; ++round) {
      WriteAnything(log, random, 600);
      CompareWithWalk(log.log(), random);
      CompareWithWalk(*log.Follow(), random);
      if (round == 0) log.CloseCleanly();
      if (round == 1) log.Kill();
      if (round != 2) CompareWithWalk(log.log(), random);
    }
    CHECK(log.Segments().size() >= 3);
    log.Sync();
    log.CutPower(seed);
    CompareWithWalk(log.log(), random);
    // Without the indexes, and with one that is damaged.
    log.Kill();
    for (const std::string& name : log.Segments()) {
      const std::string index = name.substr(0, name.size() - 4) + ".index";
      const auto directory = log.root().OpenDirectory("orders-0").value();
      if (!log.HasFile(index)) continue;
      if (random() % 2 == 0) {
        REQUIRE(directory->RemoveFile(index).ok());
      } else {
        log.Corrupt(index,
                    directory->OpenFile(index, FileMode::kRead).value()->Size().value() - 20);
      }
    }
    CompareWithWalk(*log.Follow(), random);
    CompareWithWalk(log.log(), random);
  }
}

TEST_CASE("A search reads the segments that can hold the time, and no others") {
  LogFixture log;
  log.clock().Set(kT);
  // The past, segment by segment, and one time far ahead in the fourth.
  for (int i = 0; i < 4'000; ++i) {
    log.Write(RecordAt(std::string(100, 'x'), i == 2'000 ? 10'000'000 : -10'000'000 + i));
  }
  const std::size_t segments = log.Segments().size();
  REQUIRE(segments > 6);
  log.CloseCleanly();
  CHECK(Find(log.log(), At(-9'999'000)) == 1'000);
  CHECK(Find(log.log(), At(5'000'000)) == 2'000);
  // The one with 1,000, the one with 2,000, and the last one, which is not sealed.
  CHECK(log.limits().maps_held.load() <= 3);
}

TEST_CASE(
    "An index that is missing is made anew by the first search, and used by the next process") {
  LogFixture log;
  log.clock().Set(kT);
  for (int i = 0; i < 2'000; ++i) log.Write(RecordAt(std::string(100, 'x'), -i));
  log.CloseCleanly();
  const auto directory = log.root().OpenDirectory("orders-0").value();
  const std::string index = "00000000000000000000.index";
  REQUIRE(directory->RemoveFile(index).ok());
  CHECK(Find(*log.Follow(), At(-10)) == 0);
  CHECK_FALSE(log.HasFile(index));  // who only reads writes nothing
  CHECK(Find(log.log(), At(-10)) == 0);
  CHECK(log.HasFile(index));
  CHECK(SegmentTimes::Read(*directory, Offset(0)));
  log.CloseCleanly();
  CHECK(Find(log.log(), At(-10)) == 0);
}

TEST_CASE("In memory, too, times of their own are found, and those of before are forgotten") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes, {},
                 MemorySettings{.segments = 4, .when_full = WhenFull::kDropOldest});
  log.clock().Set(kT);
  log.Write(RecordAt("far ahead", 1'000'000));
  for (int i = 0; i < 300; ++i) log.Write(RecordAt(std::string(100, 'x'), 1'000 - i));
  CHECK(Find(log.log(), At(1'001)) == 0);
  for (int i = 0; i < 3'000; ++i) log.Write(RecordAt(std::string(100, 'x'), i % 7));
  REQUIRE(log.log().begin_offset().value() > Offset(300));
  CHECK_FALSE(Find(log.log(), At(7)));
  CHECK(Find(log.log(), At(6)) == FindByWalk(log.log(), At(6)));
}

TEST_CASE("A transaction that was not committed has no times, and an undecided one has") {
  LogFixture log;
  log.clock().Set(kT);
  log.Write(RecordAt("1", 100));
  const std::vector<Record> records = {RecordAt("t", 150), RecordAt("t", 200)};
  REQUIRE(log.log().AppendTransactional(records, 5).ok());
  log.Write(RecordAt("2", 300));
  CHECK(Find(log.log(), At(160)) == 2);  // it may still be
  log.transactions().Abort(5);
  CHECK(Find(log.log(), At(150)) == 3);
  CHECK(Find(log.log(), At(301)) == std::nullopt);
}

TEST_CASE("Times are found around damage, before and after it is repaired") {
  LogFixture log;
  log.clock().Set(kT);
  for (int i = 0; i < 1'500; ++i) log.Write(RecordAt(std::string(100, 'x'), 10 * (i % 50)));
  log.CloseCleanly();
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 49 * 136 + 60);
  log.Kill();
  CHECK(Find(log.log(), At(480)) == 48);
  CHECK(Find(log.log(), At(490)) == 99);  // 49 is damaged
  CHECK(Find(*log.Follow(), At(490)) == 99);
}

TEST_CASE("A time is found at no offset behind the end, whatever a forged frame says") {
  LogFixture log;
  std::vector<Timestamp> times;
  for (const char* value : {"a", "b", "c"}) {
    log.clock().Advance(std::chrono::seconds(1));
    times.push_back(log.clock().Now());
    log.Write(value);
  }
  log.CloseCleanly();
  const std::uint64_t frame = Forge(log, 4096 + 32, {1000}) - 4096;
  REQUIRE(frame == 32);  // in place of "b"
  for (const Timestamp time : times) {
    const auto found = log.log().OffsetForTime(time);
    REQUIRE(found.ok());
    CHECK(*found <= log.log().end_offset().value());
  }
}

}  // namespace daybook
