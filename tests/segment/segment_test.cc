#include "segment/segment.h"

#include <string>

#include "catch.h"
#include "daybook/simulated_file_system.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

// One segment on a simulated disk.
struct SegmentFixture {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  std::shared_ptr<Segment> segment = Segment::Create(*directory, PartitionName("t", 0),
                                                     {.base_offset = Offset(100),
                                                      .segment_id = 7,
                                                      .capacity = 64 << 10,
                                                      .max_frame_bytes = 16 << 10,
                                                      .created = Timestamp(),
                                                      .boot = disk.BootId()})
                                         .value();

  // Claims, fills and commits; false when the claim did not fit.
  bool Write(std::size_t value_bytes) {
    const frame::RecordParts parts{
        .key = {}, .headers = {}, .event_time = {}, .value_bytes = value_bytes, .tombstone = false};
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    const std::uint64_t bytes = frame::AlignedLength(layout.length);
    const ClaimWord before = segment->Claim(bytes);
    if (!segment->Fits(before, bytes)) {
      last_claim = before;
      last_bytes = bytes;
      return false;
    }
    std::byte* frame = segment->At(PositionOf(before));
    std::byte* value = frame::FillRecord(frame, layout, parts, Timestamp(), RecordsOf(before));
    std::fill_n(value, value_bytes, std::byte{'x'});
    segment->Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
    return true;
  }

  ClaimWord last_claim = 0;
  std::uint64_t last_bytes = 0;
};

}  // namespace

TEST_CASE("A new segment has blocks for its beginning alone") {
  SegmentFixture fixture;
  CHECK(fixture.segment->Bytes().bytes.size() == 16 << 10);
  CHECK(fixture.segment->base_offset() == Offset(100));
}

TEST_CASE("A claim beyond the limit fits after the file has grown") {
  SegmentFixture fixture;
  while (fixture.Write(1000)) {
  }
  CHECK(fixture.segment->IsCrossing(fixture.last_claim, fixture.last_bytes));
  REQUIRE(fixture.segment->Extend(PositionOf(fixture.last_claim) + fixture.last_bytes).ok());
  CHECK(fixture.segment->Fits(fixture.last_claim, fixture.last_bytes));
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
    const ClaimWord before = fixture.segment->Claim(104);
    if (fixture.segment->IsCrossing(before, 104)) ++crossing;
  }
  CHECK(crossing == 1);
}

TEST_CASE("The committed end stops at the first open claim") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord open = fixture.segment->Claim(64);
  REQUIRE(fixture.Write(10));
  CHECK(fixture.segment->CommittedEnd() == open);
  fixture.segment->Abandon(open, 64);
  CHECK(RecordsOf(fixture.segment->CommittedEnd()) == 3);
}

TEST_CASE("A sealed segment ends where it was sealed and is durable after a sync") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord end = fixture.segment->CommittedEnd();
  fixture.segment->StartClosing();
  fixture.segment->Seal(end, Timestamp());
  REQUIRE(fixture.segment->Tidy(*fixture.directory).ok());
  CHECK(fixture.segment->sealed_end() == end);
  CHECK(fixture.segment->CommittedEnd() == end);
  CHECK_FALSE(fixture.segment->is_durable());
  REQUIRE(fixture.segment->Sync(*fixture.directory, end, fixture.disk.BootId()).ok());
  CHECK(fixture.segment->is_durable());
  CHECK(fixture.segment->durable_end() == Offset(101));
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
