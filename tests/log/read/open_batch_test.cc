#include "log/read/open_batch.h"

#include "absl/strings/str_cat.h"
#include "catch.h"
#include "format/batch_codec.h"
#include "support/log_fixture.h"

// Batches that are read in parts: what that costs is counted, not measured.

namespace daybook {
namespace {

constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;
constexpr TopicCompressor::Settings kZstd{.is_on = true, .level = 1, .dictionary_bytes = 0};

// Appends as many records, the values of which are their offsets, as one batch.
void WriteBatch(LogFixture& log, std::uint32_t count) {
  std::vector<std::byte> entries;
  entries.reserve(count * std::size_t{12});
  frame::EntryTimes times;
  const std::int64_t first = log.end().value();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string value = std::to_string(first + i);
    const Record record = RecordOf(value);
    const std::size_t at = entries.size();
    entries.resize(at + frame::EntryBytes(record));
    frame::PutEntry(entries.data() + at, record);
    times.Note(record);
  }
  REQUIRE(log.log().AppendEntries(entries, count, times).ok());
}

// Every value is its offset; how many there are.
std::int64_t CheckValues(const RecordBatch& batch) {
  std::int64_t records = 0;
  Offset expected = batch.begin_offset();
  for (const RecordView& record : batch) {
    const bool is_right =
        record.offset == expected && record.value == std::to_string(expected.value());
    if (!is_right) REQUIRE(absl::StrCat(record.offset.value()) == std::string(record.value));
    expected = expected + 1;
    ++records;
  }
  REQUIRE(expected == batch.next_offset());
  REQUIRE(records == static_cast<std::int64_t>(batch.size()));
  return records;
}

}  // namespace

TEST_CASE("A batch is read in parts at the cost of its records, unpacked once, to the largest") {
  struct Shape {
    bool is_compressed;
    std::uint32_t count;
    std::size_t most;
  };
  const Shape shape = GENERATE(Shape{true, 1'048'575, 500}, Shape{false, 1'048'575, 500},
                               Shape{true, 100'000, 1}, Shape{true, 65, 64}, Shape{false, 3, 2});
  const bool is_compressed = shape.is_compressed;
  const std::uint32_t count = shape.count;
  const std::size_t most = shape.most;
  CAPTURE(is_compressed, count, most);
  LogFixture log(Durability::kProcess, kSegmentBytes,
                 is_compressed ? kZstd : TopicCompressor::Settings{});
  log.Write("0");
  WriteBatch(log, count);
  const std::int64_t end = log.end().value();
  log.Write(std::to_string(end));
  const RecoveryCounters& counters = log.recovery();
  const std::int64_t unpacked_before = counters.batches_unpacked;

  std::int64_t polls = 0;
  const auto check_cost = [&](std::int64_t parts) {
    CHECK(counters.batches_unpacked - unpacked_before == parts * (is_compressed ? 1 : 0));
    CHECK(counters.entries_passed <= parts * std::int64_t{count} + polls * OpenBatch::kInterval);
  };
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  std::int64_t records = 0;
  while (records < end + 1) {
    const auto batch = log.log().Read(cursor, {.max_records = most}).value();
    REQUIRE_FALSE(batch.empty());
    records += CheckValues(batch);
    ++polls;
  }
  CHECK(records == end + 1);
  check_cost(1);

  PartitionLog::OpenBatchPtr kept;
  Offset before(end + 1);
  while (before != Offset(0)) {
    const auto batch = log.log().ReadBackwards(before, {.max_records = most}, &kept).value();
    REQUIRE_FALSE(batch.empty());
    REQUIRE(batch.next_offset() == before);
    records -= CheckValues(batch);
    before = batch.begin_offset();
    ++polls;
  }
  CHECK(records == 0);
  // As many records a poll as are asked for, but where a batch begins or ends.
  CHECK(polls <= 2 * (std::int64_t{count} / static_cast<std::int64_t>(most) + 4));
  check_cost(2);
}

TEST_CASE("Who reads on from an offset while the batch before is held unpacks a batch once") {
  LogFixture log(Durability::kProcess, kSegmentBytes, kZstd);
  WriteBatch(log, 10'000);
  const RecoveryCounters& counters = log.recovery();
  RecordBatch batch;
  for (Offset at(0); at != Offset(10'000); at = batch.next_offset()) {
    Cursor cursor{.offset = at, .segment = nullptr, .position = 0};
    batch = log.log().Read(cursor, {.max_records = 100}).value();
    CHECK(CheckValues(batch) == 100);
  }
  CHECK(counters.batches_unpacked == 1);
  for (Offset at(10'000); at != Offset(0); at = batch.begin_offset()) {
    batch = log.log().ReadBackwards(at, {.max_records = 100}).value();
    CHECK(CheckValues(batch) == 100);
  }
  CHECK(counters.batches_unpacked == 1);
}

TEST_CASE("A part of a batch is iterated from its first record on, not from that of the batch") {
  LogFixture log(Durability::kProcess, kSegmentBytes);
  WriteBatch(log, 1'000);
  Cursor cursor{.offset = Offset(700), .segment = nullptr, .position = 0};
  const auto batch = log.log().Read(cursor, {.max_records = 100}).value();
  CHECK(CheckValues(batch) == 100);
  // The entries before it are overwritten: whoever walked over them would not come so far.
  std::byte* const entries = cursor.segment->At(cursor.position) + frame::kFrameHeaderBytes;
  std::fill_n(entries, 2'000, std::byte{0xff});
  CHECK(CheckValues(batch) == 100);
}

TEST_CASE("A part of a batch stays readable when the cursor has gone on") {
  LogFixture log(Durability::kProcess, kSegmentBytes, kZstd);
  WriteBatch(log, 1'000);
  RecordBatch part;
  {
    Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
    for (int i = 0; i < 3; ++i) part = log.log().Read(cursor, {.max_records = 300}).value();
  }
  CHECK(part.begin_offset() == Offset(600));
  CHECK(CheckValues(part) == 300);
}

}  // namespace daybook
