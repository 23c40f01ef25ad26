#include <cstddef>

#include "catch.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"
#include "support/timed_segment.h"

namespace daybook {

TEST_CASE("The committed end stops at the first open claim") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord open = fixture.segment->gate().Claim(64);
  REQUIRE(fixture.Write(10));
  CHECK(fixture.segment->CommittedEnd() == open);
  fixture.segment->Abandon(open, 64);
  CHECK(RecordsOf(fixture.segment->CommittedEnd()) == 3);
}

TEST_CASE("A damaged frame that claims later offsets hides none of those behind it") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 100);
  const std::uint64_t hit = frame::kSegmentHeaderBytes + 10 * kRecordBytes;
  *fixture.segment->At(hit + offsetof(frame::FrameHeader, offset_delta)) ^= std::byte{0x80};
  const auto segment =
      Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kRead)
          .value();
  segment->Follow(fixture.disk.BootId());
  CHECK(RecordsOf(segment->CommittedEnd()) == 100);
  CHECK(FindDelta(*segment, 50) == frame::kSegmentHeaderBytes + 50 * kRecordBytes);
  CHECK(FindDelta(*segment, std::uint64_t{1} << 32 | 50) == PositionOf(segment->CommittedEnd()));
}

TEST_CASE("A frame that is damaged is seen to be, and what is behind it is found") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 3);
  *fixture.segment->At(frame::kSegmentHeaderBytes + kRecordBytes + 30) ^= std::byte{1};
  frame::FrameHeader header;
  CHECK(fixture.segment->ReadFrame(frame::kSegmentHeaderBytes, &header) ==
        frame::FrameState::kValid);
  CHECK(fixture.segment->ReadFrame(frame::kSegmentHeaderBytes + kRecordBytes, &header) ==
        frame::FrameState::kBad);
  CHECK(FindDelta(*fixture.segment, 2) == frame::kSegmentHeaderBytes + 2 * kRecordBytes);
}

}  // namespace daybook
