#include "segment/segment.h"

#include <string>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "support/earlier_format.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

SegmentSettings BigSegment(bool page_in) {
  return {.base_offset = Offset(0),
          .segment_id = 7,
          .capacity = 64 * kMegabyte,
          .max_frame_bytes = 16 << 10,
          .created = Timestamp(),
          .boot = {},
          .page_in = page_in};
}

// One that is being filled in earnest, so that pages ahead of the appends are brought in.
std::shared_ptr<Segment> BusySegment(SegmentFixture& fixture, bool page_in = true) {
  auto segment =
      Segment::Create(*fixture.directory, PartitionName("t", 0), BigSegment(page_in)).value();
  REQUIRE(segment->Extend(4 * kMegabyte).ok());
  REQUIRE(segment->Extend(5 * kMegabyte).ok());
  return segment;
}

}  // namespace

TEST_CASE("A new segment has blocks for its beginning alone") {
  SegmentFixture fixture;
  CHECK(fixture.segment->Bytes().bytes.size() == 8 << 10);
  CHECK(fixture.segment->base_offset() == Offset(100));
}

TEST_CASE(
    "A segment of an earlier format is refused, and the message names it and says what to do") {
  SegmentFixture fixture;
  MakeEarlierHeader({fixture.segment->At(0), frame::kSegmentHeaderBytes});
  const auto status =
      Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kRead)
          .status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("/d/00000000000000000100.log: it was written by a version of Daybook "
                              "before 1.0") != absl::string_view::npos);
}

TEST_CASE("A claim beyond the limit fits after the file has grown") {
  SegmentFixture fixture;
  while (fixture.Write(1000)) {
  }
  CHECK(fixture.segment->gate().IsRollingClaim(fixture.last_claim, fixture.last_bytes));
  REQUIRE(fixture.segment->Extend(PositionOf(fixture.last_claim) + fixture.last_bytes).ok());
  CHECK(fixture.segment->gate().Fits(fixture.last_claim, fixture.last_bytes));
}

TEST_CASE("A segment grows to its capacity and not beyond") {
  SegmentFixture fixture;
  CHECK(fixture.segment->Extend((64 << 10) - frame::kSealBytes).ok());
  CHECK(absl::IsOutOfRange(fixture.segment->Extend((64 << 10) - frame::kSealBytes + 8)));
}

TEST_CASE("Exactly one of many claims that overshoot is the crossing one") {
  SegmentFixture fixture;
  int crossing = 0;
  for (int i = 0; i < 1000; ++i) {
    const ClaimWord before = fixture.segment->gate().Claim(104);
    if (fixture.segment->gate().IsRollingClaim(before, 104)) ++crossing;
  }
  CHECK(crossing == 1);
}

TEST_CASE("A segment is busy once its file has a capacity that is a lot") {
  SegmentFixture fixture;
  CHECK(fixture.segment->Extend((64 << 10) - frame::kSealBytes).ok());
  CHECK_FALSE(fixture.segment->file().is_busy());

  const auto segment =
      Segment::Create(*fixture.directory, PartitionName("t", 0), BigSegment(true)).value();
  CHECK(segment->Extend(2 * kMegabyte).ok());
  CHECK_FALSE(segment->file().is_busy());
  CHECK(segment->Extend(5 * kMegabyte).ok());
  CHECK_FALSE(segment->file().is_busy());
  CHECK(segment->Extend(6 * kMegabyte).ok());
  CHECK(segment->file().is_busy());
}

TEST_CASE("Claims are granted in small steps in a busy segment, not far beyond its pages") {
  SegmentFixture fixture;
  const auto segment = BusySegment(fixture);
  const ClaimWord before = segment->gate().Claim(5 * kMegabyte);
  CHECK(segment->gate().Fits(before, 5 * kMegabyte - frame::kSegmentHeaderBytes));
  CHECK(segment->gate().IsInside(before, 20 * kMegabyte));
  CHECK_FALSE(segment->gate().Fits(before, 20 * kMegabyte));
  while (segment->file().PageInAhead(true)) {
  }
  // Pages are there, but nobody has asked for them.
  CHECK_FALSE(segment->gate().Fits(before, 20 * kMegabyte));
  CHECK(segment->Extend(20 * kMegabyte).ok());
  CHECK(segment->gate().Fits(before, 20 * kMegabyte));
}

TEST_CASE("Where zeros cannot be written ahead, nothing is mapped ahead, and claims go on") {
  SegmentFixture fixture;
  const auto segment = BusySegment(fixture);
  fixture.disk.SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kWrite
               ? absl::ResourceExhaustedError("the disk is full")
               : absl::OkStatus();
  });
  CHECK_FALSE(segment->file().PageInAhead(true));
  CHECK(segment->Extend(20 * kMegabyte).ok());
  const ClaimWord before = segment->gate().Claim(8 * kMegabyte);
  CHECK(segment->gate().Fits(before, 20 * kMegabyte - PositionOf(before)));
}

TEST_CASE("Pages are brought in a bounded way ahead of the appends, and not where it does harm") {
  for (const bool page_in : {true, false}) {
    SegmentFixture fixture;
    std::uint64_t writes = 0;
    fixture.disk.SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
      writes += operation == SimulatedFileSystem::Operation::kWrite;
      return absl::OkStatus();
    });
    const auto segment = BusySegment(fixture, page_in);
    while (segment->file().PageInAhead(true)) {
    }
    CHECK((writes > 0) == page_in);
    CHECK(writes < 200);
    const std::uint64_t so_far = writes;
    segment->gate().Claim(8 * kMegabyte);
    while (segment->file().PageInAhead(true)) {
    }
    CHECK((writes > so_far) == page_in);
  }
}

TEST_CASE("Pages are let go behind the appends, all of them once the segment is sealed") {
  SegmentFixture fixture;
  const auto segment = BusySegment(fixture);
  CHECK_FALSE(segment->ReleasePagesBehind());
  REQUIRE(segment->Extend(20 * kMegabyte).ok());
  segment->Abandon(segment->gate().Claim(14 * kMegabyte), 14 * kMegabyte);
  int steps = 0;
  while (segment->ReleasePagesBehind()) ++steps;
  CHECK(steps == 1);
  segment->file().StartClosing();
  segment->Seal(segment->CommittedEnd(), Timestamp());
  while (segment->ReleasePagesBehind()) ++steps;
  CHECK(steps == 4);
}

TEST_CASE("A file made ahead becomes a segment, and can be thrown away instead") {
  SegmentFixture fixture;
  const PrepareOptions options{
      .bytes = 64 * kMegabyte, .capacity = 64 * kMegabyte, .page_in = true};
  auto prepared = PrepareFile(*fixture.directory, options);
  REQUIRE(prepared.ok());
  const auto segment = Segment::Create(*fixture.directory, PartitionName("t", 0), BigSegment(true),
                                       *std::move(prepared))
                           .value();
  CHECK(segment->file().is_busy());
  CHECK(segment->Bytes().bytes.size() == 64 * kMegabyte);
  const auto entries = fixture.directory->List().value().size();

  REQUIRE(PrepareFile(*fixture.directory, options).ok());
  CHECK(fixture.directory->List().value().size() == entries + 1);
  RemovePreparedFile(*fixture.directory);
  CHECK(fixture.directory->List().value().size() == entries);
}

TEST_CASE("A segment that cannot be made leaves nothing") {
  SimulatedFileSystem disk;
  const auto directory = disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  disk.SetCapacity(4096);
  const auto segment = Segment::Create(*directory, PartitionName("t", 0),
                                       {.base_offset = Offset(0),
                                        .segment_id = 7,
                                        .capacity = 64 << 10,
                                        .max_frame_bytes = 1 << 10,
                                        .created = Timestamp(),
                                        .boot = {}});
  CHECK(absl::IsResourceExhausted(segment.status()));
  CHECK(directory->List().value().empty());
}

TEST_CASE("A file without room for a frame was never used, unless something in it was durable") {
  for (const bool was_durable : {false, true}) {
    SegmentFixture fixture;
    REQUIRE(fixture.Write(10));
    if (was_durable) {
      const ClaimWord end = fixture.segment->CommittedEnd();
      REQUIRE(fixture.segment->Sync(*fixture.directory, end, fixture.disk.BootId()).ok());
    }
    const auto whole = fixture.directory->OpenFile("00000000000000000100.log", FileMode::kRead);
    std::array<std::byte, frame::kSegmentHeaderBytes> page{};
    REQUIRE((*whole)->ReadAt(0, page).ok());
    REQUIRE(fixture.directory->RemoveFile("00000000000000000100.log").ok());
    const auto cut = fixture.directory->OpenFile("00000000000000000100.log", FileMode::kCreate);
    REQUIRE((*cut)->WriteAt(0, page).ok());
    const auto status =
        Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kReadWrite)
            .status();
    CHECK(status.code() ==
          (was_durable ? absl::StatusCode::kDataLoss : absl::StatusCode::kNotFound));
  }
}

TEST_CASE("A file under another name than its own is refused") {
  SegmentFixture fixture;
  REQUIRE(fixture.directory->Rename("00000000000000000100.log", "00000000000000000200.log").ok());
  const auto opened =
      Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(200), MapAccess::kRead);
  CHECK(absl::IsDataLoss(opened.status()));
  CHECK(opened.status().message().find("renamed") != absl::string_view::npos);
}

}  // namespace daybook
