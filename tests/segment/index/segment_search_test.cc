#include "segment/index/segment_search.h"

#include <cstddef>

#include "catch.h"
#include "segment/segment.h"
#include "support/timed_segment.h"

namespace daybook {

TEST_CASE("A walk goes from frame to frame, past damage, and stops where nothing is") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 3);
  *fixture.segment->At(frame::kSegmentHeaderBytes + kRecordBytes + 30) ^= std::byte{1};
  const FrameStep first = StepFrom(*fixture.segment, kFirstFrame);
  CHECK(first.state == frame::FrameState::kValid);
  const FrameStep damaged = StepFrom(*fixture.segment, first.next);
  CHECK(damaged.state == frame::FrameState::kBad);
  CHECK(damaged.next == kFirstFrame + MakeClaimWord(2, 2 * kRecordBytes));
  const FrameStep last = StepFrom(*fixture.segment, damaged.next);
  CHECK(last.next == fixture.segment->CommittedEnd());
  const FrameStep none = StepFrom(*fixture.segment, last.next);
  CHECK(none.state == frame::FrameState::kNothing);
  CHECK(none.next == 0);
}

TEST_CASE("A record is found by its offset, and the next one for an offset that was given up") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 50);
  for (const std::uint32_t delta : {0U, 1U, 49U}) {
    CHECK(FindDelta(*fixture.segment, delta) == frame::kSegmentHeaderBytes + delta * kRecordBytes);
  }
  const ClaimWord given_up = fixture.segment->gate().Claim(64);
  fixture.segment->Abandon(given_up, 64);
  REQUIRE(fixture.Write(100));
  CHECK(FindDelta(*fixture.segment, 50) == PositionOf(given_up));
  CHECK(FindDelta(*fixture.segment, 51) == PositionOf(given_up) + 64);
}

TEST_CASE("The first record at or after a time is found, and nothing when there is none") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 50);
  CHECK(RecordsOf(*FindTime(*fixture.segment, At(0))) == 0);
  CHECK(RecordsOf(*FindTime(*fixture.segment, At(10))) == 0);
  CHECK(RecordsOf(*FindTime(*fixture.segment, At(11))) == 1);
  CHECK(RecordsOf(*FindTime(*fixture.segment, At(500))) == 49);
  CHECK_FALSE(FindTime(*fixture.segment, At(501)));
}

}  // namespace daybook
