#include "segment/index/segment_times.h"

#include "catch.h"
#include "segment/index/segment_search.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

Timestamp At(std::int64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }

}  // namespace

TEST_CASE("A segment without times of its own is not walked over to know that") {
  SegmentFixture fixture;
  for (int i = 0; i < 5; ++i) REQUIRE(fixture.Write(100, At(i)));
  const ClaimWord end = fixture.segment->CommittedEnd();
  CHECK_FALSE(fixture.segment->times().HasOwn(*fixture.segment, end));
  CHECK_FALSE(fixture.segment->times().Learn(*fixture.segment));  // more may come
  fixture.segment->Seal(*fixture.segment->CloseHere(), At(9));
  const auto times = fixture.segment->times().Learn(*fixture.segment);
  REQUIRE(times);
  CHECK_FALSE(times->has_own);
  CHECK(times->latest == At(9).time_since_epoch().count());
}

TEST_CASE("Times of their own are found in any order, in every state of a segment") {
  SegmentFixture fixture;
  REQUIRE(fixture.segment->Extend(60'000).ok());
  const std::vector<std::int64_t> seconds = {500, 100, 900, 300, 800, 200};
  for (const std::int64_t second : seconds) {
    REQUIRE(fixture.Write(8'000, At(1'000), At(second)));
  }
  std::shared_ptr<Segment> segment = fixture.segment;
  const auto check = [&] {
    const auto delta = [&](std::int64_t second) {
      const auto found = FindTime(*segment, At(second));
      return found ? std::int64_t{RecordsOf(*found)} : -1;
    };
    for (const auto& [second, expected] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {0, 0}, {500, 0}, {501, 2}, {900, 2}, {901, -1}}) {
      CAPTURE(second);
      CHECK(delta(second) == expected);
    }
    const ClaimWord third = *FindTime(*segment, At(900));
    CHECK(RecordsOf(*FindTime(*segment, At(301), third + MakeClaimWord(1, 8'032))) == 4);
  };
  check();
  const auto open = [&] {
    segment =
        Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kReadWrite)
            .value();
    segment->Follow(fixture.disk.BootId());
  };
  open();
  check();  // as another process sees it
  segment = fixture.segment;
  segment->Seal(*segment->CloseHere(), At(2'000));
  REQUIRE(segment->Tidy(*fixture.directory).ok());
  segment->Checkpoint(fixture.disk.BootId());
  check();
  const auto read = SegmentTimes::Read(*fixture.directory, Offset(100));
  REQUIRE(read);
  CHECK(read->has_own);
  CHECK(read->latest == At(900).time_since_epoch().count());
  SECTION("with its index") {
    open();
    segment->index().Load(*segment, *fixture.directory);
    CHECK_FALSE(segment->times().is_news());
    check();
  }
  SECTION("without") {
    REQUIRE(fixture.directory->RemoveFile("00000000000000000100.index").ok());
    open();
    segment->index().Load(*segment, *fixture.directory);
    check();
    CHECK(segment->times().is_news());
    segment->index().Save(*segment, *fixture.directory);
    CHECK(SegmentTimes::Read(*fixture.directory, Offset(100)));
    CHECK_FALSE(segment->times().is_news());
  }
}

TEST_CASE("A claim that is open when a segment is sealed keeps its times from being known") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(100, At(1), At(5)));
  const ClaimWord open = fixture.segment->gate().Claim(64);
  fixture.segment->Seal(*fixture.segment->CloseHere(), At(2));
  REQUIRE(fixture.segment->Tidy(*fixture.directory).ok());
  CHECK_FALSE(SegmentTimes::Read(*fixture.directory, Offset(100)));
  CHECK_FALSE(fixture.segment->times().Learn(*fixture.segment));
  fixture.segment->Abandon(open, 64);
  CHECK(fixture.segment->times().Learn(*fixture.segment));
}

}  // namespace daybook
