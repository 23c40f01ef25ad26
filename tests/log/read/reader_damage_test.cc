#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/damage.h"
#include "format/segment_header.h"
#include "support/log/damaged_log.h"
#include "support/log/forged_log.h"
#include "torture/hostile.h"

// What readers are told at damage, and that they come past it with everything that is whole.

namespace daybook {
namespace {

constexpr char kFirst[] = "00000000000000000000.log";

// Reads all; how many records there were, and the damage that was passed over.
struct Passage {
  std::int64_t records = 0;
  std::vector<DamagedRange> damage;
};
Passage ReadPast(LogFixture& log) {
  Passage passage;
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  for (;;) {
    const auto batch = log.log().Read(cursor, ReadOptions{});
    INFO(batch.status());
    if (const auto damage = DamageOf(batch.status())) {
      REQUIRE(damage->end_offset > damage->begin_offset);
      passage.damage.push_back(*damage);
      cursor = Cursor{.offset = damage->end_offset, .segment = nullptr, .position = 0};
      continue;
    }
    REQUIRE(batch.ok());
    if (batch->empty()) return passage;
    passage.records += static_cast<std::int64_t>(batch->size());
  }
}

struct SeveralSegments : DamagedLog {
  // Where the seal of that segment stands.
  std::uint64_t SealOf(std::size_t index) {
    const auto segment =
        Segment::Open(*directory(), PartitionName("orders", 0), BaseOf(index), MapAccess::kRead)
            .value();
    segment->Follow(disk().BootId());
    return PositionOf(segment->sealed_end().value());
  }
};

}  // namespace

TEST_CASE("A damaged record is told with its range, and with nothing else") {
  LogFixture log;
  log.WriteMany(10, 40);  // 64 bytes each
  log.Corrupt(kFirst, 4096 + 3 * 64 + 30);
  log.Corrupt(kFirst, 4096 + 4 * 64 + 30);
  const Passage passage = ReadPast(log);
  CHECK(passage.records == 8);
  CHECK(passage.damage == std::vector<DamagedRange>{{"orders", 0, Offset(3), Offset(5)}});
}

TEST_CASE("A seal that counts more offsets than there are is told at once, not when more follows") {
  LogFixture log;
  log.WriteMany(3, 40);
  log.Kill();
  const auto file =
      log.root().OpenDirectory("orders-0").value()->OpenFile(kFirst, FileMode::kReadWrite).value();
  std::array<std::byte, frame::kSegmentHeaderBytes> page;
  REQUIRE(file->ReadAt(0, page).ok());
  std::array<std::byte, frame::kSealBytes> seal{};
  constexpr std::uint64_t kEnd = 4096 + 3 * 64;
  frame::WriteSeal(seal.data(), kEnd, frame::DecodeSegmentHeader(page)->segment_id, Timestamp(),
                   10);
  REQUIRE(file->WriteAt(kEnd, seal).ok());
  for (const std::int64_t records : {3, 4}) {
    const Passage passage = ReadPast(log);
    CHECK(passage.records == records);
    CHECK(passage.damage == std::vector<DamagedRange>{{"orders", 0, Offset(3), Offset(10)}});
    if (records == 3) CHECK(log.Write("behind it") == Offset(10));
  }
}

TEST_CASE("Frames of another segment in place of a seal take no offset back") {
  // Of any length, as they are at the end of a page that was written to the wrong place.
  for (const std::uint32_t length : {24U, 32U, 4000U}) {
    SeveralSegments log;
    const std::uint64_t seal = log.SealOf(1);
    const auto file = log.directory()->OpenFile(log.names[1], FileMode::kReadWrite).value();
    for (std::uint32_t i = 0; i < 4; ++i) {
      const frame::FrameHeader foreign{
          .length_word = frame::LengthWord(frame::Kind::kRecord, i == 0 ? 24 : length),
          .checksum = 7,
          .append_time = 5,
          .offset_delta = i,
          .attributes = 0};
      const std::uint64_t position = i == 0 ? seal : seal + 24 + (i - 1) * length;
      if (position + sizeof foreign > (64 << 10)) break;
      REQUIRE(file->WriteAt(position, std::as_bytes(std::span(&foreign, 1))).ok());
    }
    log.CloseCleanly();
    INFO("length " << length << ", seal at " << seal);
    CHECK(ReadPast(log).records == 1400);
    for (std::int64_t offset = 0; offset < 1400; offset += 7) {
      INFO("offset " << offset);
      Cursor cursor{.offset = Offset(offset), .segment = nullptr, .position = 0};
      const auto batch = log.log().Read(cursor, ReadOptions{});
      REQUIRE(batch.ok());
      REQUIRE_FALSE(batch->empty());
      CHECK(batch->begin_offset() == Offset(offset));
    }
  }
}

TEST_CASE("Damage that nothing follows yet has an empty range and the end stays before it") {
  LogFixture log;
  log.WriteMany(3, 40);
  log.Kill();
  log.Corrupt(kFirst, 4096 + 2 * 64 + 30);
  Cursor cursor{.offset = Offset(2), .segment = nullptr, .position = 0};
  const auto damage = DamageOf(log.log().Read(cursor, ReadOptions{}).status());
  REQUIRE(damage.has_value());
  CHECK(damage->begin_offset == Offset(2));
  CHECK(damage->end_offset >= Offset(2));
  log.Kill();
  log.Write("d");
  CHECK(ReadPast(log).damage == std::vector<DamagedRange>{{"orders", 0, Offset(2), Offset(3)}});
}

TEST_CASE("A damaged seal costs no record, and the end of the log stays where it is") {
  SeveralSegments log;
  log.Corrupt(log.names[0], log.SealOf(0) + 9);
  CHECK(log.end() == Offset(1400));
  const Passage passage = ReadPast(log);
  CHECK(passage.records == 1400);
  CHECK(passage.damage.empty());
  CHECK(log.end() == Offset(1400));
}

TEST_CASE("Damage right before a damaged seal reaches to the next segment") {
  SeveralSegments log;
  const std::uint64_t seal = log.SealOf(0);
  log.Corrupt(log.names[0], seal + 9);
  log.Corrupt(log.names[0], seal - 20);
  const Passage passage = ReadPast(log);
  CHECK(passage.records == 1399);
  CHECK(passage.damage ==
        std::vector<DamagedRange>{{"orders", 0, Offset(log.BaseOf(1).value() - 1), log.BaseOf(1)}});
  CHECK(log.end() == Offset(1400));
}

TEST_CASE("A missing segment is told, and not passed over in silence") {
  SeveralSegments log;
  log.Remove(log.names[1]);
  log.Kill();
  const Passage passage = ReadPast(log);
  CHECK(passage.damage == std::vector<DamagedRange>{{"orders", 0, log.BaseOf(1), log.BaseOf(2)}});
  CHECK(passage.records == 1400 - (log.BaseOf(2) - log.BaseOf(1)));
}

TEST_CASE("Offsets that are missing between two frames are told, and what follows is read") {
  LogFixture log(Durability::kDisk);
  log.WriteMany(2);
  log.CloseCleanly();
  AppendForged(log, {5});
  const DamagedRange missing{"orders", 0, Offset(2), Offset(5)};
  SECTION("after a kill") { log.Kill(); }
  SECTION("after a power cut, which does no such thing") { log.CutPower(1); }
  const Passage passage = ReadPast(log);
  CHECK(passage.records == 3);
  CHECK(passage.damage == std::vector<DamagedRange>{missing});
  CHECK(log.log().NextReadable(Offset(3)).value() == Offset(5));
  CHECK(log.end() == Offset(6));
}

TEST_CASE("A damaged frame that took no offset away is passed, and cuts nobody off") {
  LogFixture log;
  log.WriteMany(2);
  log.CloseCleanly();
  AppendForged(log, {1, 2});  // offset 1 again, and what follows
  log.Kill();
  const Passage passage = ReadPast(log);
  CHECK(passage.records == 3);
  CHECK(passage.damage.empty());
}

TEST_CASE("Where the next segment is billions of offsets away, no record is taken for another") {
  SeveralSegments log;
  constexpr std::int64_t kFar = std::int64_t{1} << 33;
  log.Rename(log.names[2], SegmentFileName(Offset(kFar), ".log"));
  log.Kill();
  const std::int64_t end = log.BaseOf(2).value();
  for (const std::int64_t missing : {end, log.BaseOf(1).value() + (std::int64_t{1} << 32) + 5}) {
    Cursor cursor{.offset = Offset(missing), .segment = nullptr, .position = 0};
    const auto damage = DamageOf(log.log().Read(cursor, ReadOptions{}).status());
    REQUIRE(damage);
    CHECK(*damage == DamagedRange{"orders", 0, Offset(missing), Offset(kFar)});
  }
  const auto before = log.log().ReadBackwards(Offset((std::int64_t{1} << 32) + end), ReadOptions{});
  REQUIRE(before.ok());
  CHECK(before->next_offset() == Offset(end));
}

TEST_CASE("Segments whose headers are damaged are passed, however many there are") {
  SeveralSegments log;
  log.Corrupt(log.names[0], 20);
  log.Corrupt(log.names[1], 20);
  const Passage passage = ReadPast(log);
  CHECK(passage.damage == std::vector<DamagedRange>{{"orders", 0, Offset(0), log.BaseOf(1)},
                                                    {"orders", 0, log.BaseOf(1), log.BaseOf(2)}});
  CHECK(passage.records == 1400 - log.BaseOf(2).value());
  CHECK(log.log().NextReadable(Offset(5)).value() == log.BaseOf(2));
}

TEST_CASE("When the last segment is damaged, the others are read and appends are refused") {
  SeveralSegments log;
  SECTION("its header") { log.Corrupt(log.names[2], 20); }
  SECTION("cut short") { log.Truncate(log.names[2], 8192); }
  log.Kill();
  Offset next(0);
  Cursor cursor{.offset = next, .segment = nullptr, .position = 0};
  absl::Status status;
  for (;;) {
    const auto batch = log.log().Read(cursor, ReadOptions{});
    status = batch.status();
    if (!batch.ok() || batch->empty()) break;
    next = batch->next_offset();
  }
  CHECK(next >= log.BaseOf(2));
  const auto damage = DamageOf(status);
  REQUIRE(damage.has_value());
  CHECK(damage->begin_offset == next);
  CHECK(absl::IsDataLoss(log.log().Append(RecordOf("x"), std::nullopt).status()));
}

TEST_CASE("Segments that overlap deliver no record twice") {
  SeveralSegments log;
  // The first one again, as if it began in the middle of what it holds: a copy gone wrong.
  std::vector<std::byte> bytes = log.Get(log.names[0]);
  auto header = frame::DecodeSegmentHeader(bytes).value();
  header.base_offset = 100;
  frame::EncodeSegmentHeader(header, bytes);
  log.Put(SegmentFileName(Offset(100), ".log"), bytes);
  log.Kill();
  Cursor cursor{.offset = Offset(0), .segment = nullptr, .position = 0};
  Offset next(0);
  for (;;) {
    const auto batch = log.log().Read(cursor, ReadOptions{});
    if (!batch.ok() || batch->empty()) break;
    for (const RecordView& record : *batch) {
      REQUIRE(record.offset == next);
      ++next;
    }
  }
  CHECK(next > log.BaseOf(1));
}

TEST_CASE("An index that was made to mislead costs time, and gives no record that is not there") {
  SeveralSegments log;
  const auto segment =
      Segment::Open(*log.directory(), PartitionName("orders", 0), Offset(0), MapAccess::kRead)
          .value();
  OffsetIndex index(LogFixture::kSegmentBytes);
  for (std::uint64_t position = 4096; position < 60'000; position += 4096) {
    index.Note(MakeClaimWord(0, position), MakeClaimWord(1, position + 4096 + 40));  // in a value
  }
  const std::string text = index.Encode(segment->header().segment_id, MakeClaimWord(479, 65'000));
  const auto bytes = std::as_bytes(std::span(text));
  log.Put(SegmentFileName(Offset(0), ".index"), {bytes.begin(), bytes.end()});
  log.Kill();
  for (int round = 0; round < 2; ++round) {  // verified in the second one
    for (std::int64_t offset = 0; offset < 479; offset += 7) {
      Cursor cursor{.offset = Offset(offset), .segment = nullptr, .position = 0};
      const auto batch = log.log().Read(cursor, ReadOptions{});
      REQUIRE(batch.ok());
      REQUIRE_FALSE(batch->empty());
      CHECK(batch->begin_offset() == Offset(offset));
      CHECK((*batch->begin()).value.substr(0, std::to_string(offset).size()) ==
            std::to_string(offset));
    }
    CHECK(ReadPast(log).records == 1400);
  }
}

TEST_CASE("A forged frame that says that it is behind the seal hides nothing that is before it") {
  SeveralSegments log;
  log.Corrupt(kFirst, 4096 + 50);
  Forge(log, 4096 + 128, {60'000});  // in place of the second one, of 128 bytes
  log.CloseCleanly();
  const Passage passage = ReadPast(log);
  REQUIRE(passage.damage.size() == 1);
  CHECK(passage.damage[0].end_offset == Offset(2));
  CHECK(passage.records == log.end() - Offset(2));
}

TEST_CASE("A flipped bit of the length of a large record hides nothing that is behind it") {
  for (int kind = 0; kind < torture::kHostileKinds; ++kind) {
    LogFixture log(Durability::kProcess, 1 << 20);
    log.Write(torture::HostileBytes(static_cast<torture::Hostile>(kind), 128 << 10, 5));
    log.WriteMany(100);
    for (unsigned bit = 0; bit < 32; ++bit) {
      INFO("kind " << kind << ", bit " << bit);
      const std::uint64_t position = frame::kSegmentHeaderBytes + bit / 8;
      log.Corrupt(kFirst, position, 1U << bit % 8);
      log.CloseCleanly();
      CHECK(log.log().NextReadable(Offset(0)).value() == Offset(1));
      const Passage passage = ReadPast(log);
      CHECK(passage.records == 100);
      REQUIRE(passage.damage.size() == 1);
      CHECK(passage.damage[0] == DamagedRange{"orders", 0, Offset(0), Offset(1)});
      log.Corrupt(kFirst, position, 1U << bit % 8);
    }
  }
}

TEST_CASE("A seal that is damaged after a kill is written again, and costs no record") {
  for (const std::uint64_t byte : {0, 3, 4, 9, 16, 20}) {
    for (const bool is_covered : {true, false}) {
      INFO("byte " << byte << ", covered by the checkpoint: " << is_covered);
      LogFixture log;
      log.WriteMany(5, 15'000);
      REQUIRE(log.Segments().size() == 2);
      const std::vector<std::string> values = log.Values();
      const std::string name = log.Segments()[0];
      const std::uint64_t seal = 4096 + 4 * frame::AlignedLength(frame::kFrameHeaderBytes + 15'000);
      log.Corrupt(name, seal + byte, 0x40);
      if (!is_covered) {  // nor by what the next segment says of it
        for (const std::uint64_t note : {512, 1024}) log.Corrupt(name, note);
      }
      auto directory = log.root().OpenDirectory("orders-0").value();
      REQUIRE(directory->RemoveFile(log.Segments()[1]).ok());
      log.Kill();
      CHECK(log.end() == Offset(4));
      CHECK(log.Write("next") == Offset(4));
      const std::vector<std::string> expected{values[0], values[1], values[2], values[3], "next"};
      CHECK(log.Values() == expected);
      log.Kill();
      CHECK(log.Values() == expected);
    }
  }
}

TEST_CASE("A seal at the very end of a full segment may be damaged") {
  for (const bool cuts_power : {false, true}) {
    for (const bool is_last : {false, true}) {
      for (const std::uint64_t byte : {0, 4, 9, 16, 20}) {
        INFO("byte " << byte << ", power cut: " << cuts_power << ", last: " << is_last);
        LogFixture log;
        log.WriteMany(853, 48);  // frames of 72 bytes, and behind them the seal ends the file
        log.Write("next");
        REQUIRE(log.Segments().size() == 2);
        log.Sync();
        log.Sync();
        const std::string name = log.Segments()[0];
        log.Corrupt(name, LogFixture::kSegmentBytes - frame::kSealBytes + byte, 0x40);
        if (is_last) {
          auto directory = log.root().OpenDirectory("orders-0").value();
          REQUIRE(directory->RemoveFile(log.Segments()[1]).ok());
          REQUIRE(directory->Sync().ok());
        }
        cuts_power ? log.CutPower(1) : log.Kill();
        CHECK(log.end() == Offset(is_last ? 853 : 854));
        log.Write("more");
        CHECK(log.Values().size() == (is_last ? 854 : 855));
        log.Kill();
        CHECK(log.Values().size() == (is_last ? 854 : 855));
      }
    }
  }
}

}  // namespace daybook
