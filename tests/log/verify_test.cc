#include "log/verify.h"

#include "catch.h"
#include "support/log_fixture.h"

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

}  // namespace daybook
