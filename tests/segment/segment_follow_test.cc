#include "catch.h"
#include "segment/index/segment_search.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

std::shared_ptr<Segment> FollowerOf(SegmentFixture& fixture) {
  auto segment =
      Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kRead)
          .value();
  segment->Follow(fixture.disk.BootId());
  return segment;
}

}  // namespace

TEST_CASE("A follower sees the same file grow, and another one in its place is not it") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const auto follower = FollowerOf(fixture);
  CHECK(follower->Refresh(*fixture.directory).value());
  REQUIRE(fixture.Write(3'000));
  CHECK(follower->Refresh(*fixture.directory).value());
  CHECK(RecordsOf(follower->CommittedEnd()) == 2);
  REQUIRE(fixture.directory->RemoveFile(SegmentFileName(Offset(100), ".log")).ok());
  CHECK(absl::IsNotFound(follower->Refresh(*fixture.directory).status()));
  const auto other = Segment::Create(*fixture.directory, PartitionName("t", 0),
                                     {.base_offset = Offset(100),
                                      .segment_id = 8,
                                      .capacity = 32 << 10,
                                      .max_frame_bytes = 8 << 10,
                                      .created = Timestamp(),
                                      .boot = fixture.disk.BootId()});
  REQUIRE(other.ok());
  CHECK_FALSE(follower->Refresh(*fixture.directory).value());
  CHECK(RecordsOf(follower->CommittedEnd()) == 2);  // what it had it keeps
}

TEST_CASE("A file that is no longer the one that is mapped is told by a record in it") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const auto follower = FollowerOf(fixture);
  // As an overlay does when a file is first written: a copy takes the name.
  const std::string name = SegmentFileName(Offset(100), ".log");
  auto copy = fixture.directory->OpenFile("copy", FileMode::kCreate).value();
  const std::size_t size = follower->Bytes().bytes.size();
  REQUIRE(copy->WriteAt(0, {follower->At(0), size}).ok());
  REQUIRE(fixture.directory->Rename("copy", name).ok());
  CHECK(follower->Refresh(*fixture.directory).value());  // nothing is missed so far
  const auto writer =
      Segment::Open(*fixture.directory, PartitionName("t", 0), Offset(100), MapAccess::kReadWrite)
          .value();
  REQUIRE(
      writer->Recover(*fixture.directory, fixture.disk.BootId(), std::nullopt, Timestamp()).ok());
  fixture.segment = writer;
  REQUIRE(fixture.Write(10));
  CHECK_FALSE(follower->Refresh(*fixture.directory).value());
}

TEST_CASE("Claims of a dead process are passed, to what was committed behind them") {
  const int claims = GENERATE(1, 3);
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord first = fixture.segment->gate().Claim(64);
  for (int i = 1; i < claims; ++i) fixture.segment->gate().Claim(64);
  const auto follower = FollowerOf(fixture);
  CHECK(follower->CommittedEnd() == first);
  CHECK_FALSE(follower->FrameBehindClaims(PositionOf(first), fixture.disk.BootId()));
  for (int i = 0; i < 20; ++i) REQUIRE(fixture.Write(10));
  CHECK(follower->CommittedEnd() == first);
  CHECK_FALSE(follower->BehindDeadClaims(PositionOf(first)));
  const auto frame = follower->FrameBehindClaims(PositionOf(first), fixture.disk.BootId());
  REQUIRE(frame);
  CHECK_FALSE(follower->BehindDeadClaims(PositionOf(first)));  // they may be of one that lives
  follower->TakeForDead(*frame);
  CHECK(RecordsOf(follower->CommittedEnd()) == static_cast<std::uint32_t>(21 + claims));
  const auto behind = follower->BehindDeadClaims(PositionOf(first));
  REQUIRE(behind);
  CHECK(RecordsOf(*behind) == static_cast<std::uint32_t>(1 + claims));
  // Whoever looks for one of them comes to where they are, and for others to those.
  CHECK(FindDelta(*follower, 1) == PositionOf(first));
  CHECK(FindDelta(*follower, RecordsOf(*behind)) == PositionOf(*behind));
  CHECK(FindTime(*follower, Timestamp()) == kFirstFrame);
  CHECK_FALSE(
      follower->FrameBehindClaims(PositionOf(follower->CommittedEnd()), fixture.disk.BootId()));
}

TEST_CASE("Claims of before a boot are not passed, as recovery may cut there") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord open = fixture.segment->gate().Claim(64);
  REQUIRE(fixture.Write(10));
  const auto follower = FollowerOf(fixture);
  BootId other = fixture.disk.BootId();
  other[0] ^= std::byte{1};
  CHECK_FALSE(follower->FrameBehindClaims(PositionOf(open), other));
  CHECK(follower->FrameBehindClaims(PositionOf(open), fixture.disk.BootId()));
}

TEST_CASE_METHOD(SegmentFixture,
                 "A follower that looked at the size before the writer sealed finds the seal") {
  const auto follower =
      Segment::Open(*directory, PartitionName("t", 0), Offset(100), MapAccess::kRead).value();
  const std::size_t known = follower->Bytes().bytes.size();
  while (Write(1'000)) {
    const auto extended = segment->Extend(PositionOf(segment->ClaimedEnd()) + 8'000);
    if (!extended.ok()) break;
  }
  if (const auto end = segment->CloseHere()) segment->Seal(*end, Timestamp());
  segment->Checkpoint(disk.BootId());
  REQUIRE(segment->sealed_end().has_value());
  REQUIRE(PositionOf(*segment->sealed_end()) > known);
  follower->Follow(disk.BootId());
  REQUIRE(follower->Refresh(*directory).value());
  CHECK(follower->sealed_end() == segment->sealed_end());
  CHECK(follower->CommittedEnd() == segment->CommittedEnd());
}

}  // namespace daybook
