#include "segment/segment_file.h"

#include <memory>
#include <string>

#include "catch.h"
#include "format/segment_header.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

constexpr std::uint64_t kCapacity = 64 << 10;
constexpr std::uint64_t kMegabyte = 1 << 20;

// A segment that is grown, granted and brought into memory page by page.
struct SmallSteps : SegmentFixture {
  SmallSteps() { Start(kCapacity, kSmallSteps); }

  void Start(std::uint64_t capacity, const SegmentSteps& steps) {
    segment = Segment::Create(*directory, PartitionName("t", 0),
                              {.base_offset = Offset(100),
                               .segment_id = 7,
                               .capacity = capacity,
                               .max_frame_bytes = 16 << 10,
                               .created = Timestamp(),
                               .boot = disk.BootId(),
                               .steps = steps})
                  .value();
  }
  // The next claim begins at `position`; all before it is committed.
  void FillTo(std::uint64_t position) {
    const std::uint64_t at = PositionOf(segment->ClaimedEnd());
    const ClaimWord before = segment->gate().Claim(position - at);
    REQUIRE(segment->Extend(position).ok());
    segment->Abandon(before, position - at);
  }
  void SealHere() {
    const auto end = segment->CloseHere();
    REQUIRE(end.has_value());
    segment->Seal(*end, Timestamp());
  }
  bool HasSeal() {
    frame::FrameHeader header;
    return frame::Inspect(segment->Bytes(), PositionOf(*segment->sealed_end()), &header) ==
               frame::FrameState::kValid &&
           frame::KindOf(header.length_word) == frame::Kind::kSeal;
  }
  int CountWrites(const std::function<void()>& during) {
    int writes = 0;
    disk.SetHook([&](Operation operation, const std::string&) {
      writes += operation == Operation::kWrite;
      return absl::OkStatus();
    });
    during();
    disk.SetHook(nullptr);
    return writes;
  }
};

}  // namespace

TEST_CASE("No pages are brought in over the seal of a segment that was picked before it") {
  for (const std::uint64_t end : {32u << 10, 36u << 10, (36u << 10) + 8, 44u << 10}) {
    SmallSteps fixture;
    fixture.FillTo(16 << 10);
    fixture.FillTo(24 << 10);
    fixture.FillTo(end);
    REQUIRE(fixture.segment->file().is_busy());
    // Here a worker has found that there is something to bring in.
    fixture.SealHere();
    const int writes = fixture.CountWrites([&] {
      while (fixture.segment->file().PageInAhead(true)) {
      }
    });
    CHECK(writes == 0);
    CHECK(fixture.HasSeal());
    CHECK(fixture.segment->CommittedEnd() == *fixture.segment->sealed_end());
  }
}

TEST_CASE("A claim that is granted after the seal brings no pages in over it") {
  SmallSteps fixture;
  fixture.FillTo(16 << 10);
  fixture.FillTo(24 << 10);
  fixture.FillTo(28 << 10);
  REQUIRE(fixture.segment->file().is_busy());
  const ClaimWord late = fixture.segment->gate().Claim(9 << 10);
  REQUIRE_FALSE(fixture.segment->gate().Fits(late, 9 << 10));
  fixture.SealHere();
  REQUIRE(fixture.segment->gate().IsInside(late, 9 << 10));
  REQUIRE(fixture.segment->Extend(PositionOf(late) + (9 << 10)).ok());
  CHECK(fixture.segment->gate().Fits(late, 9 << 10));
  fixture.segment->Abandon(late, 9 << 10);
  CHECK(fixture.HasSeal());
  CHECK(fixture.segment->CommittedEnd() == *fixture.segment->sealed_end());
}

TEST_CASE("A claim that is granted after the seal leaves the claim bound behind the seal") {
  SmallSteps fixture;
  fixture.FillTo(16 << 10);
  fixture.FillTo(24 << 10);
  fixture.FillTo(28 << 10);
  const ClaimWord late = fixture.segment->gate().Claim(5 << 10);
  REQUIRE_FALSE(fixture.segment->gate().Fits(late, 5 << 10));
  fixture.segment->gate().Claim(9 << 10);  // of another thread, which comes later still
  fixture.SealHere();
  const std::uint64_t end = PositionOf(*fixture.segment->sealed_end()) + frame::kSealBytes;
  REQUIRE(fixture.segment->Extend(PositionOf(late) + (5 << 10)).ok());
  const auto bound = frame::DecodeClaimBound({fixture.segment->At(0), frame::kSegmentHeaderBytes},
                                             fixture.segment->header().segment_id);
  REQUIRE(bound.has_value());
  CHECK(*bound >= end);
}

TEST_CASE("A file is not made larger than it must be where little space is free") {
  SmallSteps fixture;
  fixture.Start(64 * kMegabyte, {});
  const auto bytes = [&] { return fixture.segment->Bytes().bytes.size(); };
  // 24 MiB are free: an eighth of that may be taken ahead of need.
  fixture.disk.SetCapacity(24 * kMegabyte);
  REQUIRE(fixture.segment->Extend(4 * kMegabyte).ok());
  CHECK(bytes() < 8 * kMegabyte);
  int allocations = 0;
  fixture.disk.SetHook([&](Operation operation, const std::string&) {
    allocations += operation == Operation::kAllocate;
    return absl::OkStatus();
  });
  CHECK_FALSE(fixture.segment->file().GrowAhead(*fixture.directory));
  CHECK(allocations == 0);
  // What is needed is taken to the last page.
  while (fixture.segment->Extend(bytes() - frame::kSealBytes + 8).ok()) {
  }
  CHECK(bytes() > 23 * kMegabyte);
  CHECK(bytes() <= 24 * kMegabyte);
}

TEST_CASE("A file that may not grow ahead is looked at again when it has grown by a step") {
  SmallSteps fixture;
  fixture.Start(64 * kMegabyte, {});
  fixture.disk.SetCapacity(100 * kMegabyte);
  REQUIRE(fixture.segment->Extend(3 * kMegabyte).ok());
  CHECK_FALSE(fixture.segment->file().GrowAhead(*fixture.directory));
  fixture.disk.SetCapacity(1000 * kMegabyte);
  CHECK_FALSE(fixture.segment->file().GrowAhead(*fixture.directory));
  REQUIRE(fixture.segment->Extend(8 * kMegabyte).ok());
  fixture.segment->file().GrowAhead(*fixture.directory);
  CHECK(fixture.segment->Bytes().bytes.size() == 64 * kMegabyte);
}

TEST_CASE("A segment has one open file however it is grown") {
  SmallSteps fixture;
  fixture.Start(64 * kMegabyte, {});
  REQUIRE(fixture.segment->Extend(3 * kMegabyte).ok());
  int opened = 0;
  fixture.disk.SetHook([&](Operation operation, const std::string&) {
    opened += operation == Operation::kOpen;
    return absl::OkStatus();
  });
  CHECK(fixture.segment->file().GrowAhead(*fixture.directory));
  CHECK(fixture.segment->file().Opened(*fixture.directory).status().ok());
  CHECK(opened == 0);
}

TEST_CASE("A segment that was sealed over an open claim needs no space to be opened after a kill") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  fixture.segment->gate().Claim(104);  // never committed
  REQUIRE(fixture.Write(20));
  const auto end = fixture.segment->CloseHere();
  REQUIRE(end.has_value());
  fixture.segment->Seal(*end, Timestamp());
  REQUIRE(fixture.segment->Tidy(*fixture.directory).ok());

  const auto after = fixture.disk.Kill();
  const auto directory = after->OpenDirectory("/d", DirectoryMode::kMustExist).value();
  const auto segment =
      Segment::Open(*directory, PartitionName("t", 0), Offset(100), MapAccess::kReadWrite).value();
  after->SetHook([](Operation operation, const std::string&) {
    return operation == Operation::kAllocate ? absl::ResourceExhaustedError("full")
                                             : absl::OkStatus();
  });
  const auto recovery = segment->Recover(*directory, after->BootId(), std::nullopt, Timestamp());
  REQUIRE(recovery.ok());
  CHECK(recovery->state == SegmentState::kSealed);
  CHECK(segment->CommittedEnd() == *end);
}

TEST_CASE("A segment that is closing grows no more, so the claim that crosses its end still does") {
  SmallSteps fixture;
  fixture.FillTo(16 << 10);
  REQUIRE(fixture.segment->file().is_filling());
  REQUIRE_FALSE(fixture.segment->file().is_busy());
  const ClaimWord crossing = fixture.segment->gate().Claim(9 << 10);
  const ClaimWord behind = fixture.segment->gate().Claim(1 << 10);
  REQUIRE_FALSE(fixture.segment->gate().IsInside(crossing, 9 << 10));
  SECTION("and was closed for want of space") {
    REQUIRE(fixture.segment->file().StartClosingBelow(PositionOf(crossing) + (9 << 10)));
  }
  SECTION("and was closed by whoever deletes the topic") {
    CHECK_FALSE(fixture.segment->CloseHere().has_value());
  }
  CHECK_FALSE(fixture.segment->file().GrowAhead(*fixture.directory));
  CHECK(fixture.segment->gate().IsRollingClaim(crossing, 9 << 10));
  CHECK_FALSE(fixture.segment->gate().IsInside(behind, 1 << 10));
}

TEST_CASE("A segment does not close below a claim that has come to hold meanwhile") {
  SmallSteps fixture;
  fixture.FillTo(16 << 10);
  const ClaimWord claim = fixture.segment->gate().Claim(9 << 10);
  REQUIRE_FALSE(fixture.segment->gate().IsInside(claim, 9 << 10));
  // Its own try to make room fails, and before it closes the segment somebody else has made some.
  REQUIRE(fixture.segment->file().GrowAhead(*fixture.directory));
  CHECK_FALSE(fixture.segment->file().StartClosingBelow(PositionOf(claim) + (9 << 10)));
  CHECK_FALSE(fixture.segment->gate().is_closing());
  CHECK(fixture.segment->gate().IsInside(claim, 9 << 10));
}

TEST_CASE("A claim that holds is granted with no descriptor, and recoveries look as far") {
  SmallSteps fixture;
  fixture.FillTo(16 << 10);
  REQUIRE(fixture.segment->file().GrowAhead(*fixture.directory));
  fixture.segment->file().Close();
  const ClaimWord claim = fixture.segment->gate().Claim(9 << 10);
  REQUIRE_FALSE(fixture.segment->gate().Fits(claim, 9 << 10));
  fixture.segment->Grant(PositionOf(claim) + (9 << 10));
  CHECK(fixture.segment->gate().Fits(claim, 9 << 10));
  const auto bound = frame::DecodeClaimBound({fixture.segment->At(0), frame::kSegmentHeaderBytes},
                                             fixture.segment->header().segment_id);
  REQUIRE(bound.has_value());
  CHECK(*bound >= PositionOf(claim) + (9 << 10));
  fixture.segment->Abandon(claim, 9 << 10);
  fixture.FillTo(34 << 10);
  CHECK(fixture.segment->CommittedEnd() == fixture.segment->ClaimedEnd());
}

}  // namespace daybook
