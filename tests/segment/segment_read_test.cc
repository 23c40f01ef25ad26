#include <chrono>
#include <cstddef>
#include <string>

#include "catch.h"
#include "segment/segment.h"
#include "support/segment_fixture.h"

namespace daybook {
namespace {

constexpr std::uint64_t kRecordBytes = 128;  // of a value of 100 bytes

Timestamp At(int seconds) { return Timestamp(std::chrono::seconds(seconds)); }

// Records of the times 10, 20, 30, ...
void WriteEveryTenSeconds(SegmentFixture& fixture, int count) {
  REQUIRE(fixture.segment->Extend(16 << 10, false).ok());
  for (int i = 1; i <= count; ++i) REQUIRE(fixture.Write(100, At(10 * i)));
}

}  // namespace

TEST_CASE("The committed end stops at the first open claim") {
  SegmentFixture fixture;
  REQUIRE(fixture.Write(10));
  const ClaimWord open = fixture.segment->Claim(64);
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
  CHECK(segment->FindDelta(50) == frame::kSegmentHeaderBytes + 50 * kRecordBytes);
  CHECK(segment->FindDelta(std::uint64_t{1} << 32 | 50) == PositionOf(segment->CommittedEnd()));
}

TEST_CASE("A record is found by its offset, and the next one for an offset that was given up") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 50);
  for (const std::uint32_t delta : {0U, 1U, 49U}) {
    CHECK(fixture.segment->FindDelta(delta) == frame::kSegmentHeaderBytes + delta * kRecordBytes);
  }
  const ClaimWord given_up = fixture.segment->Claim(64);
  fixture.segment->Abandon(given_up, 64);
  REQUIRE(fixture.Write(100));
  CHECK(fixture.segment->FindDelta(50) == PositionOf(given_up));
  CHECK(fixture.segment->FindDelta(51) == PositionOf(given_up) + 64);
}

TEST_CASE("The first record at or after a time is found, and nothing when there is none") {
  SegmentFixture fixture;
  WriteEveryTenSeconds(fixture, 50);
  CHECK(RecordsOf(*fixture.segment->FindTime(At(0))) == 0);
  CHECK(RecordsOf(*fixture.segment->FindTime(At(10))) == 0);
  CHECK(RecordsOf(*fixture.segment->FindTime(At(11))) == 1);
  CHECK(RecordsOf(*fixture.segment->FindTime(At(500))) == 49);
  CHECK_FALSE(fixture.segment->FindTime(At(501)));
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
  CHECK(fixture.segment->FindDelta(2) == frame::kSegmentHeaderBytes + 2 * kRecordBytes);
}

TEST_CASE("Look-ups work without the index file, and with a damaged one") {
  for (const bool has_file : {false, true}) {
    SegmentFixture fixture;
    WriteEveryTenSeconds(fixture, 50);
    fixture.segment->StartClosing();
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
    segment->LoadIndex(*fixture.directory);
    CHECK(segment->has_index());
    CHECK(segment->FindDelta(40) == frame::kSegmentHeaderBytes + 40 * kRecordBytes);
  }
}

}  // namespace daybook
