#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "catch.h"
#include "format/segment_header.h"
#include "support/log/forged_log.h"
#include "support/log_fixture.h"

namespace daybook {
namespace {

// All values before `before`, the newest first; damage stands as "<damage>".
std::vector<std::string> Backwards(PartitionLog& log, Offset before,
                                   const ReadOptions& options = {}) {
  std::vector<std::string> values;
  for (;;) {
    const auto batch = log.ReadBackwards(before, options);
    if (absl::IsDataLoss(batch.status())) {
      values.push_back("<damage>");
      before = Offset(before.value() - 1);
      continue;
    }
    INFO(batch.status());
    REQUIRE(batch.ok());
    if (batch->empty()) return values;
    REQUIRE(batch->begin_offset() < before);
    REQUIRE(batch->next_offset() <= before);
    REQUIRE(batch->size() <= options.max_records);
    for (const RecordView& record : batch->Backwards()) values.emplace_back(record.value);
    before = batch->begin_offset();
  }
}

std::vector<std::string> Backwards(LogFixture& log, Offset before,
                                   const ReadOptions& options = {}) {
  return Backwards(log.log(), before, options);
}

std::vector<std::string> Reversed(std::vector<std::string> values) {
  std::reverse(values.begin(), values.end());
  return values;
}

}  // namespace

TEST_CASE("An empty log has nothing before its end") {
  LogFixture log;
  CHECK(log.log().ReadBackwards(Offset(0), {}).value().empty());
  CHECK(absl::IsOutOfRange(log.log().ReadBackwards(Offset(1), {}).status()));
}

TEST_CASE("Reading backwards ends before the offset that is given") {
  LogFixture log;
  for (const std::string value : {"a", "b", "c", "d"}) log.Write(value);
  CHECK(Backwards(log, Offset(4)) == std::vector<std::string>{"d", "c", "b", "a"});
  CHECK(Backwards(log, Offset(2)) == std::vector<std::string>{"b", "a"});
  CHECK(Backwards(log, Offset(0)).empty());
  const auto batch = log.log().ReadBackwards(Offset(3), {.max_records = 2}).value();
  CHECK(batch.begin_offset() == Offset(1));
  CHECK(batch.next_offset() == Offset(3));
  CHECK(batch.begin()->value == "b");
}

TEST_CASE("Damage before a claim that was given up is reported, and what is before it is read") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  REQUIRE(log.log().Claim({.value_bytes = 8}).ok());  // and given up
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 32 + 24);
  // Once from behind the claim, and once more from behind the damage.
  CHECK(Backwards(log, Offset(3)) == std::vector<std::string>{"<damage>", "<damage>", "a"});
}

TEST_CASE("Backwards and forwards are the same records, whatever they consist of") {
  for (const bool is_compressed : {false, true}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      CAPTURE(is_compressed, seed);
      std::minstd_rand random(seed);
      LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes,
                     {.is_on = is_compressed, .level = 1, .dictionary_bytes = 0});
      int next = 0;
      const auto value = [&] {
        std::string text = std::to_string(next++);
        text.resize(text.size() + random() % 300, '.');
        return text;
      };
      const int operations = 100 + static_cast<int>(random() % 800);
      for (int i = 0; i < operations; ++i) {
        switch (random() % 8) {
          case 0: {
            std::vector<std::string> values(1 + random() % 20);
            std::vector<Record> records;
            for (std::string& text : values) text = value();
            for (const std::string& text : values) records.push_back(RecordOf(text));
            REQUIRE(log.log().AppendBatch(records, std::nullopt).ok());
            break;
          }
          case 1:
            // Given up.
            for (auto n = random() % 40; n > 0; --n) {
              REQUIRE(log.log().Claim({.value_bytes = 100}).ok());
            }
            break;
          default:
            log.Write(value());
        }
      }
      const std::vector<std::string> expected = Reversed(log.Values());
      for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{10'000}}) {
        for (const std::size_t bytes : {std::size_t{0}, std::size_t{5'000}, std::size_t{1} << 20}) {
          CHECK(Backwards(log, log.end(), {.max_records = most, .max_bytes = bytes}) == expected);
        }
      }
      log.Kill();
      CHECK(Backwards(log, log.end()) == expected);
    }
  }
}

TEST_CASE("Any offset is a place to read backwards from, within a batch as well") {
  LogFixture log;
  const std::vector<std::string> values = {"0", "1", "2", "3", "4", "5"};
  std::vector<Record> records;
  for (const std::string& value : values) records.push_back(RecordOf(value));
  REQUIRE(log.log().AppendBatch(std::span(records).first(4), std::nullopt).ok());
  REQUIRE(log.log().AppendBatch(std::span(records).last(2), std::nullopt).ok());
  for (std::size_t before = 0; before <= values.size(); ++before) {
    const auto expected = Reversed({values.begin(), values.begin() + static_cast<long>(before)});
    CHECK(Backwards(log, Offset(static_cast<std::int64_t>(before))) == expected);
    CHECK(Backwards(log, Offset(static_cast<std::int64_t>(before)), {.max_records = 3}) ==
          expected);
  }
}

TEST_CASE("Records behind damage come first, then the damage, then those before it") {
  LogFixture log;
  for (int i = 0; i < 5; ++i) log.Write(std::to_string(i) + std::string(103, 'x'));
  log.Corrupt("00000000000000000000.log", frame::kSegmentHeaderBytes + 2 * 128 + 60);
  const std::vector<std::string> values = Backwards(log, log.end());
  REQUIRE(values.size() == 5);
  CHECK(values[0][0] == '4');
  CHECK(values[1][0] == '3');
  CHECK(values[2] == "<damage>");
  CHECK(values[3][0] == '1');
  CHECK(values[4][0] == '0');
}

TEST_CASE("Records that are appended meanwhile do not disturb who reads backwards") {
  LogFixture log;
  log.WriteMany(100);
  std::atomic<bool> is_done{false};
  std::thread writer([&] {
    while (!is_done) {
      if (!log.log().Append(RecordOf("later"), std::nullopt).ok()) std::abort();
    }
  });
  bool ok = true;
  for (int i = 0; i < 50; ++i) {
    const auto end = log.log().end_offset();
    const auto batch = log.log().ReadBackwards(*end, {.max_records = 10});
    ok = ok && batch.ok() && batch->size() == 10 && batch->next_offset() == *end;
  }
  is_done = true;
  writer.join();
  CHECK(ok);
}

TEST_CASE("A memory log is read backwards to where it begins now") {
  LogFixture log(Durability::kProcess, LogFixture::kSegmentBytes, {},
                 MemorySettings{.segments = 8});
  log.WriteMany(10'000);
  const Offset begin = log.log().begin_offset().value();
  REQUIRE(begin > Offset(0));
  CHECK(Backwards(log, log.end()) == Reversed(log.Values(begin)));
}

TEST_CASE("Where offsets are missing by the million, reading backwards does not try each of them") {
  LogFixture log;
  log.Write("a");
  log.Write("b");
  log.CloseCleanly();
  AppendForged(log, {3'000'000'000});
  CHECK(log.end() == Offset(3'000'000'001));
  CHECK(Backwards(log, log.end()) == std::vector<std::string>{"c", "b", "a"});
  CHECK(Backwards(log, log.end(), {.max_records = 1}) == std::vector<std::string>{"c", "b", "a"});
}

TEST_CASE("A forged frame of far offsets leads nobody who reads backwards out of the range") {
  LogFixture log;
  log.WriteMany(3000, 8);  // frames of 32 bytes, in two segments
  log.CloseCleanly();
  log.Corrupt("00000000000000000000.log", 4096 + 26);
  Forge(log, 4096 + 32, {60'000});  // in place of the second one
  log.CloseCleanly();
  for (const Offset before : {Offset(2), Offset(300)}) {
    CHECK(Backwards(log, before).back() == "<damage>");
  }
}

TEST_CASE("A forged checkpoint makes no batch reach behind where it is asked to end") {
  LogFixture log;
  log.WriteMany(1400);
  log.CloseCleanly();
  const auto file = (*log.root().OpenDirectory("orders-0"))
                        ->OpenFile("00000000000000000000.log", FileMode::kReadWrite);
  std::vector<std::byte> page(frame::kSegmentHeaderBytes);
  REQUIRE((*file)->ReadAt(0, page).ok());
  const std::uint64_t id = frame::DecodeSegmentHeader(page)->segment_id;
  frame::CheckpointSlot slot = frame::LatestCheckpoint(page, id, LogFixture::kSegmentBytes);
  ++slot.sequence;
  slot.committed_position -= frame::kSealBytes;
  slot.committed_offset = 0;  // so many bytes, and no record
  frame::EncodeCheckpoint(slot, id, page);
  REQUIRE((*file)->WriteAt(0, page).ok());
  log.CloseCleanly();
  CHECK(Backwards(log, Offset(10)).size() == 10);
  CHECK(Backwards(*log.Follow(), Offset(10)).size() == 10);
}

TEST_CASE("Backwards from within offsets that are void, nothing is said of what is behind") {
  LogFixture log;
  log.WriteMany(3);
  ClaimOptions options;
  options.value_bytes = 8;
  // Never committed: after the kill one padding has the offsets of both.
  const auto one = log.log().Claim(options);
  const auto other = log.log().Claim(options);
  REQUIRE(other.ok());
  CHECK(log.Write("behind them") == Offset(5));
  log.Kill();
  const auto batch = log.log().ReadBackwards(Offset(4), ReadOptions{});
  REQUIRE(batch.ok());
  CHECK(batch->size() == 3);
  CHECK(batch->next_offset() <= Offset(4));
}

}  // namespace daybook
