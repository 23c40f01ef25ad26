#include "segment/index/segment_index.h"

#include <string>

#include "catch.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

constexpr std::uint64_t kRecordBytes = 128;  // of a value of 100 bytes

}  // namespace

TEST_CASE("The file beside a sealed segment is read once") {
  SegmentFixture fixture;
  REQUIRE(fixture.segment->Extend(16 << 10, false).ok());
  for (int i = 0; i < 50; ++i) REQUIRE(fixture.Write(100));
  fixture.segment->file().StartClosing();
  fixture.segment->Seal(fixture.segment->CommittedEnd(), Timestamp());
  fixture.segment->index().Save(*fixture.segment, *fixture.directory);
  SegmentIndex index(fixture.segment->header().capacity);
  CHECK_FALSE(index.is_loaded());
  index.Load(*fixture.segment, *fixture.directory);
  CHECK(index.is_loaded());
  const ClaimWord end = *fixture.segment->sealed_end();
  CHECK(index.offsets().FindDelta(49, end) ==
        fixture.segment->index().offsets().FindDelta(49, end));
  CHECK(index.offsets().FindDelta(49, end) != kFirstFrame);
  index.BeginAnew();
  index.Load(*fixture.segment, *fixture.directory);
  CHECK(index.offsets().FindDelta(49, end) == kFirstFrame);
}

TEST_CASE("Look-ups work without the index file, and with a damaged one") {
  for (const bool has_file : {false, true}) {
    SegmentFixture fixture;
    REQUIRE(fixture.segment->Extend(16 << 10, false).ok());
    for (int i = 0; i < 50; ++i) REQUIRE(fixture.Write(100));
    fixture.segment->file().StartClosing();
    fixture.segment->Seal(fixture.segment->CommittedEnd(), Timestamp());
    REQUIRE(fixture.segment->Tidy(*fixture.directory).ok());
    const std::string index = "00000000000000000100.index";
    if (has_file) {
      REQUIRE(fixture.disk.Corrupt("/d/" + index, 20, std::byte{1}).ok());
    } else {
      REQUIRE(fixture.directory->RemoveFile(index).ok());
    }
    const auto segment =
        Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kRead)
            .value();
    segment->Follow(fixture.disk.BootId());
    segment->index().Load(*segment, *fixture.directory);
    CHECK(segment->index().is_loaded());
    CHECK(FindDelta(*segment, 40) == frame::kSegmentHeaderBytes + 40 * kRecordBytes);
  }
}

}  // namespace daybook
