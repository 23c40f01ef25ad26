#include "log/check/verify.h"

#include "catch.h"
#include "support/log/damaged_log.h"
#include "support/log/forged_log.h"

namespace daybook {
namespace {

PartitionVerification Verified(LogFixture& log) {
  const auto directory = log.root().OpenDirectory("orders-0");
  REQUIRE(directory.ok());
  auto verified = VerifyPartition(**directory, log.disk().BootId());
  REQUIRE(verified.ok());
  return *std::move(verified);
}

constexpr char kFirst[] = "00000000000000000000.log";

}  // namespace

TEST_CASE("A whole partition verifies with its counts") {
  LogFixture log;
  log.WriteMany(1000);
  const PartitionVerification verified = Verified(log);
  CHECK(verified.issues.empty());
  REQUIRE(verified.segments.size() == log.Segments().size());
  std::int64_t records = 0;
  for (const SegmentSummary& segment : verified.segments) records += segment.records;
  CHECK(records == 1000);
  CHECK(verified.segments.front().is_sealed);
  CHECK_FALSE(verified.segments.back().is_sealed);
  CHECK(verified.segments.back().end_offset == Offset(1000));
}

TEST_CASE("Every flipped byte of a record is damage with that record's range") {
  LogFixture log;
  log.WriteMany(3, 60);  // 88 bytes each
  for (std::uint64_t position = 4096; position < 4096 + 3 * 88; ++position) {
    INFO("position " << position);
    log.Corrupt(kFirst, position, 0x10);
    const PartitionVerification verified = Verified(log);
    CHECK(verified.has_damage());
    REQUIRE_FALSE(verified.issues.empty());
    CHECK(verified.issues[0].begin_position <= position);
    CHECK(verified.issues[0].end_position > position);
    log.Corrupt(kFirst, position, 0x10);
  }
  CHECK(Verified(log).issues.empty());
}

TEST_CASE("An open claim is told and is no damage") {
  LogFixture log;
  log.Write("a");
  ClaimOptions options;
  options.value_bytes = 20;
  const auto claim = log.log().Claim(options);
  REQUIRE(claim.ok());
  log.Write("c");
  const PartitionVerification verified = Verified(log);
  CHECK(verified.issues.size() == 1);
  CHECK_FALSE(verified.has_damage());
  CHECK(verified.issues[0].begin_offset == Offset(1));
  CHECK(verified.issues[0].end_offset == Offset(2));
}

TEST_CASE("Offsets that are missing between two frames are damage, with their range") {
  LogFixture log;
  log.WriteMany(2);
  log.CloseCleanly();
  const std::uint64_t position = AppendForged(log, {5});
  const PartitionVerification verified = Verified(log);
  REQUIRE(verified.issues.size() == 1);
  CHECK(verified.has_damage());
  CHECK(verified.issues[0].begin_position == position);
  CHECK(verified.issues[0].begin_offset == Offset(2));
  CHECK(verified.issues[0].end_offset == Offset(5));
}

TEST_CASE("A missing segment is damage") {
  LogFixture log;
  log.WriteMany(1500);
  const std::vector<std::string> names = log.Segments();
  REQUIRE(names.size() > 2);
  const auto directory = log.root().OpenDirectory("orders-0");
  REQUIRE((*directory)->RemoveFile(names[1]).ok());
  const PartitionVerification verified = Verified(log);
  CHECK(verified.has_damage());
  CHECK(verified.issues[0].end_offset > verified.issues[0].begin_offset);
}

TEST_CASE("Only partitions' directories are listed") {
  LogFixture log;
  log.Write("a");
  for (const std::string name : {"orders-x", "orders", "-", "x-1"}) {
    REQUIRE(log.root().CreateDirectory(name).ok());
  }
  CHECK(ListPartitionDirectories(log.root()).value() ==
        std::vector<std::string>{"orders-0", "x-1"});
}

TEST_CASE("Files that are not ours are noted, and are no damage") {
  DamagedLog log;
  log.Put("notes.txt", {});
  REQUIRE(log.directory()->CreateDirectory("subdirectory").ok());
  const PartitionVerification verified = log.Verify();
  CHECK(verified.issues.size() == 2);
  CHECK_FALSE(verified.has_damage());
}

TEST_CASE("An index that disagrees with the frames is noted, whatever is wrong with it") {
  DamagedLog log;
  const std::string index = SegmentFileName(log.BaseOf(0), ".index");
  SECTION("damaged") { log.Corrupt(index, 50); }
  SECTION("another segment's") {
    log.Put(index, log.Get(SegmentFileName(log.BaseOf(1), ".index")));
  }
  SECTION("whole, with a wrong place in it") {
    OffsetIndex wrong(64 << 10);
    wrong.Note(MakeClaimWord(0, 4096), MakeClaimWord(40, 9000));
    const auto header = frame::DecodeSegmentHeader(log.Get(log.names[0])).value();
    const std::string text = wrong.Encode(header.segment_id, MakeClaimWord(479, 65000));
    const auto bytes = std::as_bytes(std::span(text));
    log.Put(index, {bytes.begin(), bytes.end()});
  }
  const PartitionVerification verified = log.Verify();
  REQUIRE(verified.issues.size() == 1);
  CHECK(verified.issues[0].file == index);
  CHECK_FALSE(verified.has_damage());
  CHECK(verified.segments[0].has_bad_index);
}

TEST_CASE("Renamed and overlapping segments are damage with what they say") {
  DamagedLog log;
  SECTION("renamed") {
    log.Rename(log.names[1], SegmentFileName(Offset(600), ".log"));
    const PartitionVerification verified = log.Verify();
    CHECK(verified.has_damage());
    CHECK(verified.segments[1].base() == log.BaseOf(1));
  }
  SECTION("overlapping") {
    std::vector<std::byte> copy = log.Get(log.names[0]);
    auto header = frame::DecodeSegmentHeader(copy).value();
    header.base_offset = 100;
    frame::EncodeSegmentHeader(header, copy);
    log.Put(SegmentFileName(Offset(100), ".log"), copy);
    const PartitionVerification verified = log.Verify();
    CHECK(verified.has_damage());
    REQUIRE(verified.segments[0].overlap.has_value());
    CHECK(verified.segments[0].overlap->offset == Offset(100));
  }
}

}  // namespace daybook
