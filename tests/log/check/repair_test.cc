#include "log/check/repair.h"

#include <cstring>
#include <string>
#include <vector>

#include "catch.h"
#include "support/earlier_format.h"
#include "support/log/damaged_log.h"
#include "support/log/forged_log.h"

// What a repair plans, and that readers then get all that could be read before.

namespace daybook {
namespace {

constexpr std::uint64_t kFrame = 128;  // of a record of the fixture
constexpr std::uint64_t FrameAt(std::int64_t delta) {
  return 4096 + kFrame * static_cast<std::uint64_t>(delta);
}

}  // namespace

TEST_CASE("Nothing is planned for a whole partition, nor for what a kill leaves") {
  DamagedLog log;
  CHECK(log.Plan().steps.empty());
  log.Write("a");
  const auto claim = log.log().Claim({.value_bytes = 8});
  REQUIRE(claim.ok());
  log.Write("c");
  log.Kill();
  CHECK(log.Plan().steps.empty());
}

TEST_CASE("A damaged record becomes padding, and all others stay") {
  DamagedLog log;
  log.Corrupt(log.names[1], FrameAt(10) + 40);
  log.Corrupt(log.names[1], FrameAt(11) + 40);
  log.Corrupt(log.names[1], FrameAt(20) + 3);
  const std::int64_t first = log.BaseOf(1).value() + 10;
  const PartitionPlan plan = log.Repair();
  REQUIRE(plan.lost.size() == 2);
  CHECK(plan.lost[0].begin_offset == Offset(first));
  CHECK(plan.lost[0].end_offset == Offset(first + 2));
  CHECK(plan.lost[0].bytes == 2 * kFrame);
  CHECK(plan.lost[1].begin_offset == Offset(first + 10));
  CHECK(log.quarantined == std::set<std::string>{log.names[1]});
  log.Kill();
  const auto passage = log.ReadAll();
  CHECK(passage.damage.empty());
  CHECK(passage.offsets.size() == 1397);
  CHECK(log.end() == Offset(1400));
}

TEST_CASE("A missing segment is marked, and readers pass it") {
  DamagedLog log;
  log.Remove(log.names[1]);
  log.Remove(SegmentFileName(log.BaseOf(1), ".index"));
  const PartitionPlan plan = log.Repair();
  REQUIRE(plan.lost.size() == 1);
  CHECK(plan.lost[0].begin_offset == log.BaseOf(1));
  CHECK(plan.lost[0].end_offset == log.BaseOf(2));
  CHECK(plan.steps.size() == 1);  // the segment before it stays as it is
  log.Kill();
  const auto passage = log.ReadAll();
  CHECK(passage.damage.empty());
  CHECK(passage.offsets == log.AllBut(log.BaseOf(1).value(), log.BaseOf(2).value()));
  CHECK(log.end() == Offset(1400));
}

TEST_CASE("Where there is no room to mark lost offsets, that is said, and no record is touched") {
  LogFixture log;
  log.WriteMany(2);
  log.CloseCleanly();
  AppendForged(log, {5});
  const auto verified =
      VerifyPartition(*log.root().OpenDirectory("orders-0").value(), log.disk().BootId());
  REQUIRE(verified.ok());
  const PartitionPlan plan = PlanRepair(*verified);
  CHECK(plan.steps.empty());
  REQUIRE(plan.not_repaired.size() == 1);
  CHECK(plan.not_repaired[0].find("offsets [2, 5) are lost") != std::string::npos);
}

TEST_CASE("What else is damaged in a file is repaired beside offsets that cannot be marked") {
  LogFixture log;
  log.WriteMany(2);
  log.CloseCleanly();
  const std::uint64_t forged_at = AppendForged(log, {5});
  log.Corrupt(SegmentFileName(Offset(0), ".log"), FrameAt(0) + 40);
  const auto directory = log.root().OpenDirectory("orders-0").value();
  const auto plan = [&] {
    const auto verified = VerifyPartition(*directory, log.disk().BootId());
    REQUIRE(verified.ok());
    return PlanRepair(*verified);
  };
  const PartitionPlan first = plan();
  REQUIRE(first.lost.size() == 1);
  CHECK(first.lost[0].begin_offset == Offset(0));
  CHECK(first.lost[0].end_offset == Offset(1));
  CHECK(first.not_repaired.size() == 1);
  REQUIRE(first.steps.size() == 1);
  ManualClock clock;
  REQUIRE(ExecuteRepair(*directory, first,
                        {.clock = &clock,
                         .new_segment_id = [] { return 1; },
                         .quarantine = [](const std::string&) { return absl::OkStatus(); },
                         .seal_quarantine = [] { return absl::OkStatus(); }})
              .ok());
  // The rest is as it was, and there is nothing to do again.
  CHECK(plan().steps.empty());
  CHECK(plan().lost.empty());
  CHECK(plan().not_repaired == first.not_repaired);
  CHECK(forged_at > FrameAt(1));
}

TEST_CASE("Swapped, renamed and copied segments go back to where they belong") {
  DamagedLog log;
  SECTION("swapped") {
    log.Rename(log.names[0], "x");
    log.Rename(log.names[1], log.names[0]);
    log.Rename("x", log.names[1]);
  }
  SECTION("all three, in a ring") {
    log.Rename(log.names[0], "x");
    log.Rename(log.names[1], log.names[0]);
    log.Rename(log.names[2], log.names[1]);
    log.Rename("x", log.names[2]);
  }
  SECTION("renamed") { log.Rename(log.names[1], SegmentFileName(Offset(777), ".log")); }
  SECTION("renamed to the end") { log.Rename(log.names[1], SegmentFileName(Offset(7777), ".log")); }
  SECTION("copied") { log.Put(SegmentFileName(Offset(777), ".log"), log.Get(log.names[1])); }
  CHECK(log.Verify().has_damage());
  const PartitionPlan plan = log.Repair();
  CHECK(plan.lost.empty());
  CHECK(plan.not_repaired.empty());
  log.Kill();
  CHECK(log.Segments() == log.names);
  const auto passage = log.ReadAll();
  CHECK(passage.damage.empty());
  CHECK(passage.offsets == log.AllBut(0, 0));
}

TEST_CASE("Nothing is changed where a segment is of another format version") {
  DamagedLog log;
  std::vector<std::byte> bytes = log.Get(log.names[1]);
  MakeEarlierHeader(bytes);
  log.Put(log.names[1], bytes);
  const PartitionPlan plan = log.Plan();
  CHECK(plan.steps.empty());
  CHECK(plan.lost.empty());
  REQUIRE(plan.not_repaired.size() == 1);
  CHECK(plan.not_repaired[0].find("(format version 1)") != std::string::npos);
}

TEST_CASE("A damaged header is had back, with every record") {
  for (const std::size_t index : {0U, 1U, 2U}) {
    for (const std::uint64_t position : {0U, 9U, 13U, 17U, 25U, 37U, 41U, 50U, 60U}) {
      INFO(index << ", position " << position);
      DamagedLog log;
      log.Corrupt(log.names[index], position, 0x20);
      const PartitionPlan plan = log.Repair();
      CHECK(plan.lost.empty());
      log.Kill();
      CHECK(log.ReadAll().offsets == log.AllBut(0, 0));
      log.Write("more");
    }
  }
}

TEST_CASE("A header that is gone is had back with the id that the index knows") {
  DamagedLog log;
  log.Fill(log.names[1], 0, 4096, std::byte{0xee});
  CHECK(log.Repair().lost.empty());
  log.Kill();
  CHECK(log.ReadAll().offsets == log.AllBut(0, 0));
}

TEST_CASE("A segment whose header cannot be had back is marked as lost") {
  DamagedLog log;
  const auto lose = [&](std::size_t index) {
    log.Fill(log.names[index], 0, 64, std::byte{0xee});
    log.directory()->RemoveFile(SegmentFileName(log.BaseOf(index), ".index")).IgnoreError();
  };
  SECTION("the first") {
    lose(0);
    const PartitionPlan plan = log.Repair();
    REQUIRE(plan.lost.size() == 1);
    CHECK(plan.lost[0].begin_offset == Offset(0));
    CHECK(plan.lost[0].end_offset == log.BaseOf(1));
    log.Kill();
    CHECK(log.ReadAll().offsets == log.AllBut(0, log.BaseOf(1).value()));
  }
  SECTION("one in the middle") {
    lose(1);
    const PartitionPlan plan = log.Repair();
    REQUIRE(plan.lost.size() == 1);
    CHECK(plan.lost[0].end_offset == log.BaseOf(2));
    CHECK(plan.lost[0].file == log.names[1]);
    log.Kill();
    CHECK(log.ReadAll().offsets == log.AllBut(log.BaseOf(1).value(), log.BaseOf(2).value()));
  }
  SECTION("the last") {
    lose(2);
    const PartitionPlan plan = log.Repair();
    REQUIRE(plan.lost.size() == 1);
    CHECK(plan.lost[0].begin_offset == log.BaseOf(2));
    CHECK_FALSE(plan.lost[0].end_offset.has_value());
    log.Kill();
    CHECK(log.ReadAll().offsets == log.AllBut(log.BaseOf(2).value(), 1400));
    CHECK(log.Write("goes on") == log.BaseOf(2));
  }
  SECTION("all of them") {
    for (const std::size_t index : {0U, 1U, 2U}) lose(index);
    CHECK(log.Repair().lost.size() == 3);
    log.Kill();
    CHECK(log.ReadAll().offsets.empty());
  }
}

TEST_CASE("A segment that is cut short keeps what is left, and the rest is marked") {
  for (const std::size_t index : {0U, 1U, 2U}) {
    INFO("segment " << index);
    DamagedLog log;
    log.Truncate(log.names[index], FrameAt(7) + 50);
    const PartitionPlan plan = log.Repair();
    REQUIRE(plan.lost.size() == 1);
    const std::int64_t begin = log.BaseOf(index).value() + 7;
    const std::int64_t end = index == 2 ? 1400 : log.BaseOf(index + 1).value();
    CHECK(plan.lost[0].begin_offset == Offset(begin));
    CHECK(plan.lost[0].end_offset == Offset(end));
    log.Kill();
    CHECK(log.ReadAll().offsets == log.AllBut(begin, end));
    CHECK(log.ReadAll().damage.empty());
    CHECK(log.Write("goes on") == Offset(1400));
  }
}

TEST_CASE("A record that was cut short where only zeros follow is lost as any other") {
  DamagedLog log;
  const std::int64_t before = 1400 - log.BaseOf(2).value();
  log.Write("z" + std::string(200, '\0'));
  log.WriteMany(600);
  log.CloseCleanly();
  log.Truncate(log.names[2], FrameAt(before) + 50);
  const PartitionPlan plan = log.Repair();
  REQUIRE(plan.lost.size() == 1);
  CHECK(plan.lost[0].begin_offset == Offset(1400));
  CHECK(log.Plan().steps.empty());
  log.Kill();
  CHECK(log.Values(Offset(1399)).size() > 1);
}

TEST_CASE("What a damaged header had said counts for the segments before it") {
  DamagedLog log(Durability::kDisk);
  log.CutPower(1);
  log.Fill(log.names[1], sizeof(frame::SegmentHeader), FrameAt(0) + 2000, std::byte{0});
  log.Fill(log.names[2], 24, 26, std::byte{0x5a});
  const PartitionPlan plan = log.Repair();
  REQUIRE(plan.lost.size() == 1);
  CHECK(plan.lost[0].begin_offset == log.BaseOf(1));
}

TEST_CASE("Damage at the end is closed, and appends go on behind it") {
  DamagedLog log;
  const std::int64_t last = 1399 - log.BaseOf(2).value();
  log.Corrupt(log.names[2], FrameAt(last) + 30);
  const PartitionPlan plan = log.Repair();
  REQUIRE(plan.lost.size() == 1);
  CHECK(plan.lost[0].begin_offset == Offset(1399));
  CHECK(plan.lost[0].end_offset == Offset(1400));
  log.Kill();
  CHECK(log.Write("goes on") == Offset(1400));
  const auto passage = log.ReadAll();
  CHECK(passage.damage.empty());
  CHECK(passage.offsets.size() == 1400);
}

TEST_CASE("Overlapping segments are cut where the next one begins") {
  DamagedLog log;
  // The second one twice: whole, and as a copy that says that it begins 100 earlier and then lacks
  // what is behind its first 150 records.
  const auto bytes = log.Get(log.names[0]);
  std::vector<std::byte> copy = bytes;
  auto header = frame::DecodeSegmentHeader(copy).value();
  header.base_offset = log.BaseOf(1).value() - 100;
  frame::EncodeSegmentHeader(header, copy);
  std::fill(copy.begin() + static_cast<std::ptrdiff_t>(FrameAt(150)), copy.end(), std::byte{0});
  frame::WriteSeal(&copy[FrameAt(150)], FrameAt(150), header.segment_id, Timestamp(), 150);
  log.Put(SegmentFileName(Offset(header.base_offset), ".log"), copy);
  CHECK(log.Verify().has_damage());
  const PartitionPlan plan = log.Repair();
  CHECK(plan.lost.empty());
  log.Kill();
  CHECK(log.end() == Offset(1400));
}

TEST_CASE("A segment that another one holds whole is taken away") {
  DamagedLog log;
  std::vector<std::byte> copy = log.Get(log.names[0]);
  auto header = frame::DecodeSegmentHeader(copy).value();
  header.base_offset = 100;
  frame::EncodeSegmentHeader(header, copy);
  std::fill(copy.begin() + static_cast<std::ptrdiff_t>(FrameAt(50)), copy.end(), std::byte{0});
  frame::WriteSeal(&copy[FrameAt(50)], FrameAt(50), header.segment_id, Timestamp(), 50);
  log.Put(SegmentFileName(Offset(100), ".log"), copy);
  CHECK(log.Repair().lost.empty());
  CHECK(log.quarantined.contains(SegmentFileName(Offset(100), ".log")));
  log.Kill();
  CHECK(log.ReadAll().offsets == log.AllBut(0, 0));
}

TEST_CASE("An index that is damaged is made anew, and no record is touched") {
  DamagedLog log;
  const std::string index = SegmentFileName(log.BaseOf(1), ".index");
  const auto before = log.All();
  log.Corrupt(index, 40);
  const PartitionPlan plan = log.Repair();
  CHECK(plan.lost.empty());
  CHECK(log.quarantined.empty());
  CHECK(log.All() == before);
}

TEST_CASE("A gap of more offsets than can be marked is left alone and said") {
  DamagedLog log;
  std::vector<std::byte> copy = log.Get(log.names[2]);
  auto header = frame::DecodeSegmentHeader(copy).value();
  header.base_offset = std::int64_t{1} << 62;
  frame::EncodeSegmentHeader(header, copy);
  log.Put(SegmentFileName(Offset(header.base_offset), ".log"), copy);
  const PartitionPlan plan = log.Plan();
  CHECK(plan.not_repaired.size() == 1);
  CHECK(plan.lost.empty());
}

TEST_CASE("Where it cannot be told what follows, nothing is cut or appended, and repair decides") {
  DamagedLog log;
  const auto last = [&log] { return log.Segments().back(); };
  while (last() == log.names[2]) log.Write("more");
  log.CloseCleanly();
  const std::int64_t records = log.end().value();
  log.CloseCleanly();
  const std::string name = last();
  std::vector<std::byte> bytes = log.Get(name);
  const std::uint64_t end = log.Verify().segments.back().scan.end_position;
  // Damage that looks like records everywhere, each as long as can be, and where it ends is not
  // known.
  constexpr std::uint64_t kBytes = 12 << 10;
  bytes.resize(end + kBytes + 24);
  std::memset(&bytes[frame::kClaimBoundPosition], 0, 8);
  for (std::uint64_t at = end; at + 24 <= end + kBytes; at += 24) {
    const auto length = static_cast<std::uint32_t>(end + kBytes - at);
    const std::uint32_t word = frame::LengthWord(frame::Kind::kRecord, length);
    const std::uint32_t delta = 100'000;
    std::memcpy(&bytes[at], &word, sizeof word);
    std::memcpy(&bytes[at + 16], &delta, sizeof delta);
  }
  std::memset(&bytes[end], 0xff, 8);
  log.Put(name, bytes);
  log.CloseCleanly();
  CHECK(absl::IsDataLoss(log.log().Append(RecordOf("next"), std::nullopt).status()));
  CHECK(log.Get(name) == bytes);
  // What is before it can be read; behind it there may be records, and nobody says that there are
  // none.
  const DamagedLog::Passage passage = log.ReadAll();
  CHECK(passage.offsets.size() == static_cast<std::size_t>(records));
  REQUIRE(passage.damage.size() == 1);
  CHECK(passage.damage[0].may_hold_records);
  CHECK(absl::IsDataLoss(log.log().NextReadable(Offset(records)).status()));

  log.Repair();
  log.CloseCleanly();
  CHECK(log.ReadAll().offsets.size() == static_cast<std::size_t>(records));
  CHECK(log.log().Append(RecordOf("next"), std::nullopt).ok());
}

}  // namespace daybook
