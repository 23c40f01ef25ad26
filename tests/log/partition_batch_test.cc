#include <string>
#include <vector>

#include "catch.h"
#include "format/batch_codec.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

constexpr TopicCompressor::Settings kZstd = {.is_on = true, .level = 3, .dictionary_bytes = 0};

// The same with compression and without.
LogFixture BatchLog(bool is_compressed) {
  return LogFixture(Durability::kProcess, LogFixture::kSegmentBytes,
                    is_compressed ? kZstd : TopicCompressor::Settings{});
}

// Batches of "0", "1", ..., each value 100 bytes long.
class Batches {
 public:
  Batches(LogFixture& log, bool is_compressed) : log_(log), is_compressed_(is_compressed) {}
  bool is_compressed() const { return is_compressed_; }

  Offset Append(int count) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) {
      values.push_back(std::to_string(next_++));
      values.back().resize(100, '.');
    }
    std::vector<Record> records;
    for (const std::string& value : values) records.push_back(RecordOf(value));
    const auto first = log_.log().AppendBatch(records, std::nullopt);
    INFO(first.status());
    REQUIRE(first.ok());
    all_.insert(all_.end(), values.begin(), values.end());
    return *first;
  }
  const std::vector<std::string>& all() const { return all_; }

 private:
  LogFixture& log_;
  const bool is_compressed_;
  int next_ = 0;
  std::vector<std::string> all_;
};

std::vector<std::string> From(const std::vector<std::string>& values, std::size_t first) {
  return {values.begin() + static_cast<std::ptrdiff_t>(first), values.end()};
}

}  // namespace

TEST_CASE("Batches and single records are read in order, as records") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    Batches batches(log, is_compressed);
    CHECK(batches.Append(3) == Offset(0));
    CHECK(log.Write("single") == Offset(3));
    CHECK(batches.Append(1) == Offset(4));
    CHECK(log.end() == Offset(5));
    std::vector<std::string> expected = batches.all();
    expected.insert(expected.begin() + 3, "single");
    CHECK(log.Values() == expected);
  }
}

TEST_CASE("Reading begins in the middle of a batch where it is told to") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    Batches batches(log, is_compressed);
    for (int i = 0; i < 5; ++i) batches.Append(10);
    for (const int from : {0, 1, 9, 10, 25, 49}) {
      CHECK(log.Values(Offset(from)) == From(batches.all(), static_cast<std::size_t>(from)));
    }
    CHECK(log.Values(Offset(50)).empty());
  }
}

TEST_CASE("A read ends in the middle of a batch where its limit is, and goes on there") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    Batches batches(log, is_compressed);
    for (int i = 0; i < 5; ++i) batches.Append(10);
    for (const std::size_t limit : {1, 3, 10, 15, 49}) {
      std::vector<std::string> values;
      Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
      while (values.size() < 50) {
        const auto batch = log.log().Read(cursor, {.max_records = limit});
        REQUIRE(batch.ok());
        REQUIRE(batch->size() <= limit);
        REQUIRE(batch->begin_offset() == Offset(static_cast<std::int64_t>(values.size())));
        for (const RecordView& record : *batch) {
          REQUIRE(record.offset == Offset(static_cast<std::int64_t>(values.size())));
          values.emplace_back(record.value);
        }
        REQUIRE(batch->next_offset() == Offset(static_cast<std::int64_t>(values.size())));
      }
      CHECK(values == batches.all());
    }
  }
}

TEST_CASE("A batch is there whole after a kill, or not at all") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    Batches batches(log, is_compressed);
    for (int i = 0; i < 200; ++i) batches.Append(20);
    CHECK(log.Segments().size() > (is_compressed ? 0 : 3));
    log.Kill();
    CHECK(log.Values() == batches.all());
    CHECK(log.end() == Offset(4000));
  }
}

TEST_CASE("A power cut takes batches whole from the end") {
  for (const bool is_compressed : {false, true}) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      LogFixture log = BatchLog(is_compressed);
      Batches batches(log, is_compressed);
      for (int i = 0; i < 20; ++i) batches.Append(20);
      log.Sync();
      for (int i = 0; i < 20; ++i) batches.Append(20);
      log.CutPower(seed);
      const std::vector<std::string> values = log.Values();
      CHECK(values.size() >= 400);
      CHECK(values.size() % 20 == 0);
      CHECK(std::equal(values.begin(), values.end(), batches.all().begin()));
    }
  }
}

TEST_CASE("Damage in a batch costs that batch and no other") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    Batches batches(log, is_compressed);
    for (int i = 0; i < 3; ++i) batches.Append(10);
    log.Sync();
    log.CloseCleanly();
    log.Corrupt("00000000000000000000.log", 4096 + 30);
    const std::vector<std::string> values = log.Values();
    REQUIRE(values.size() == 21);
    CHECK(values[0] == "<damage>");
    CHECK(From(values, 1) == From(batches.all(), 10));
  }
}

TEST_CASE("A missing dictionary is damage of the batches that need it") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes,
                 {.is_on = true, .level = 3, .dictionary_bytes = 1024});
  for (int i = 0; log.work_requests() == 0; ++i) {
    log.Write("{\"user\":" + std::to_string(i * 7919) + ",\"event\":\"clicked\",\"on\":\"it\"}");
  }
  while (log.log().WorkAhead()) {
  }
  const Offset plain_end = log.end();
  log.Write("{\"user\":1,\"event\":\"clicked\",\"on\":\"it\"}");
  REQUIRE(log.root().RemoveFile("orders.dictionary-1").ok());
  log.Kill();
  const std::vector<std::string> values = log.Values();
  CHECK(values.size() == static_cast<std::size_t>(plain_end.value()) + 1);
  CHECK(values.back() == "<damage>");
}

TEST_CASE("Compression makes what repeats itself smaller, and nothing larger") {
  LogFixture log = BatchLog(true);
  const std::string value(10'000, 'x');
  for (int i = 0; i < 50; ++i) log.Write(value);
  CHECK(log.Segments().size() == 1);
  log.Write("x");
  CHECK(log.Values(Offset(50)) == std::vector<std::string>{"x"});
}

TEST_CASE("An empty batch and one over the limit are refused, and nothing is appended") {
  for (const bool is_compressed : {false, true}) {
    LogFixture log = BatchLog(is_compressed);
    CHECK(absl::IsInvalidArgument(log.log().AppendBatch({}, std::nullopt).status()));
    const std::string value(1000, 'v');
    const std::vector<Record> records(17, RecordOf(value));
    const auto status = log.log().AppendBatch(records, std::nullopt).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()).find("17 records") != std::string::npos);
    CHECK(log.end() == Offset(0));
  }
}

TEST_CASE("A batch is found by the time of its append") {
  LogFixture log;
  Batches batches(log, false);
  for (int i = 0; i < 10; ++i) {
    log.clock().Advance(std::chrono::seconds(10));
    batches.Append(5);
  }
  CHECK(log.log().OffsetForTime(log.clock().Now() - std::chrono::seconds(15)).value() ==
        Offset(40));
}

TEST_CASE("A batch at kDisk is durable when its append returns") {
  LogFixture log(Durability::kDisk);
  Batches batches(log, false);
  batches.Append(7);
  CHECK(log.durable() == Offset(7));
}

TEST_CASE("A read without a limit takes whole batches") {
  LogFixture log;
  const std::vector<Record> records(10, RecordOf("v"));
  REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, {.max_records = SIZE_MAX, .max_bytes = SIZE_MAX});
  REQUIRE(batch.ok());
  CHECK(batch->size() == 10);
}

TEST_CASE("A segment ends before its offsets are used up, however small the batches become") {
  LogFixture log(Durability::kProcess, std::uint64_t{64} << 20, kZstd);
  constexpr std::uint32_t kCount = 1'000'000;
  std::vector<std::byte> entries(kCount * frame::EntryBytes(RecordOf("")));
  std::byte* at = entries.data();
  for (std::uint32_t i = 0; i < kCount; ++i) at = frame::PutEntry(at, RecordOf(""));
  constexpr int kBatches = (std::int64_t{1} << 31) / kCount + 3;
  for (int i = 0; i < kBatches; ++i) REQUIRE(log.log().AppendEntries(entries, kCount, {}).ok());
  const Offset end(std::int64_t{kBatches} * kCount);
  CHECK(log.end() == end);
  CHECK(log.Segments().size() == 2);
  for (const bool is_killed : {false, true}) {
    if (is_killed) log.Kill();
    Cursor cursor{.offset = end + -1, .segment = nullptr, .position = 0};
    const auto last = log.log().Read(cursor, ReadOptions{});
    REQUIRE(last.ok());
    CHECK(last->begin_offset() == end + -1);
  }
}

TEST_CASE("A batch of too many records is refused with that limit") {
  LogFixture log;
  const std::vector<Record> records(frame::kMaxBatchRecords + 1, RecordOf(""));
  const auto offset = log.log().AppendBatch(records, std::nullopt);
  CHECK(absl::IsInvalidArgument(offset.status()));
  CHECK(std::string(offset.status().message()).find("the limit is 1048575") != std::string::npos);
  CHECK(log.end() == Offset(0));
}

}  // namespace daybook
