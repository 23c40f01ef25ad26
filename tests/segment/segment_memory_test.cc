#include <algorithm>

#include "catch.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"

namespace daybook {
namespace {

constexpr std::uint64_t kCapacity = 64 << 10;
constexpr std::uint64_t kBytes = 128;

struct MemorySegment {
  MemorySegment() { segment->Recycle(Offset(0), Timestamp()); }

  void Write(ClaimWord before) {
    const frame::RecordParts parts{
        .key = {}, .headers = {}, .event_time = {}, .value_bytes = 100, .tombstone = false};
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    REQUIRE(frame::AlignedLength(layout.length) == kBytes);
    std::byte* const frame = segment->At(PositionOf(before));
    std::byte* const value =
        frame::FillRecord(frame, layout, parts, Timestamp(), RecordsOf(before));
    std::fill_n(value, 100, std::byte{0xff});
    segment->Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
  }
  // Appends one record; false, and sealed, when there is no room for it.
  bool Append() {
    const ClaimWord before = segment->gate().Claim(kBytes);
    if (!segment->gate().Fits(before, kBytes) &&
        !segment->Extend(PositionOf(before) + kBytes).ok()) {
      segment->file().StartClosing();
      CHECK(segment->gate().IsRollingClaim(before, kBytes));
      segment->Seal(before, Timestamp());
      return false;
    }
    Write(before);
    return true;
  }
  int Fill() {
    int records = 0;
    while (Append()) ++records;
    return records;
  }

  std::unique_ptr<Segment> segment =
      Segment::CreateInMemory(PartitionName("t", 0), kCapacity, 16 << 10).value();
};

}  // namespace

TEST_CASE("A segment in memory takes records until it is full, and then begins anew") {
  MemorySegment memory;
  const int records = memory.Fill();
  CHECK(records > 400);
  CHECK(RecordsOf(memory.segment->CommittedEnd()) == static_cast<std::uint32_t>(records));
  CHECK(memory.segment->CommittedEnd() == memory.segment->sealed_end());

  memory.segment->Recycle(Offset(records), Timestamp());
  CHECK(memory.segment->base_offset() == Offset(records));
  CHECK(memory.segment->CommittedEnd() == kFirstFrame);
  CHECK_FALSE(memory.segment->sealed_end());
  frame::FrameHeader header;
  CHECK(memory.segment->ReadFrame(PositionOf(kFirstFrame), &header) == frame::FrameState::kNothing);
  CHECK(memory.Fill() == records);
}

TEST_CASE("Behind the last record in memory there are always zeros, whatever was there before") {
  MemorySegment memory;
  memory.Fill();
  memory.segment->Recycle(Offset(0), Timestamp());
  frame::FrameHeader header;
  do {
    const std::uint64_t end = PositionOf(memory.segment->ClaimedEnd());
    if (end + frame::kSealBytes > kCapacity) break;
    REQUIRE(memory.segment->ReadFrame(end, &header) == frame::FrameState::kNothing);
  } while (memory.Append());
}

TEST_CASE("A claim made before a segment begins anew does not hold afterwards") {
  MemorySegment memory;
  memory.Fill();
  // Somebody was held up on the way here.
  const ClaimWord late = memory.segment->gate().Claim(kBytes);
  memory.segment->Recycle(Offset(1000), Timestamp());
  CHECK_FALSE(memory.segment->gate().Fits(late, kBytes));
  CHECK_FALSE(memory.segment->gate().IsInside(late, kBytes));
  CHECK_FALSE(memory.segment->gate().IsRollingClaim(late, kBytes));
  CHECK_FALSE(memory.segment->gate().IsCurrentGeneration(late, kBytes));
  const ClaimWord now = memory.segment->gate().Claim(kBytes);
  CHECK(memory.segment->gate().IsCurrentGeneration(now, kBytes));
  CHECK(memory.segment->gate().Fits(now, kBytes));
}

TEST_CASE("An earlier claim in memory that is extended after the seal does not wipe it out") {
  MemorySegment memory;
  while (PositionOf(memory.segment->ClaimedEnd()) + 2 * kBytes + frame::kSealBytes <= kCapacity) {
    REQUIRE(memory.Append());
  }
  const ClaimWord early = memory.segment->gate().Claim(kBytes);
  const ClaimWord crossing = memory.segment->gate().Claim(4 * kBytes);
  REQUIRE(memory.segment->gate().IsRollingClaim(crossing, 4 * kBytes));
  memory.segment->file().StartClosing();
  memory.segment->Seal(crossing, Timestamp());
  REQUIRE(memory.segment->gate().IsInside(early, kBytes));
  REQUIRE(memory.segment->Extend(PositionOf(early) + kBytes).ok());
  CHECK(memory.segment->CommittedEnd() != memory.segment->sealed_end());
  memory.Write(early);
  CHECK(memory.segment->CommittedEnd() == memory.segment->sealed_end());
  frame::FrameHeader header;
  CHECK(memory.segment->ReadFrame(PositionOf(crossing), &header) == frame::FrameState::kValid);
  CHECK(frame::KindOf(header.length_word) == frame::Kind::kSeal);
}

TEST_CASE("The index of a life that is over leads nobody astray") {
  MemorySegment memory;
  memory.Fill();
  memory.segment->Recycle(Offset(0), Timestamp());
  for (int i = 0; i < 100; ++i) REQUIRE(memory.Append());
  for (std::uint32_t delta = 0; delta < 100; ++delta) {
    CHECK(FindDelta(*memory.segment, delta) == PositionOf(kFirstFrame) + delta * kBytes);
  }
}

}  // namespace daybook
