#include <string>

#include "catch.h"
#include "daybook/simulated_file_system.h"
#include "segment/segment.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

constexpr std::uint64_t kRecordBytes = 32;

// A segment of records of 32 bytes, written in one boot and recovered in the same or another one.
class RecoveryFixture {
 public:
  RecoveryFixture() {
    segment_ = Segment::Create(*directory_, PartitionName("t", 0),
                               {.base_offset = Offset(0),
                                .segment_id = 7,
                                .capacity = 64 << 10,
                                .max_frame_bytes = 16 << 10,
                                .created = Timestamp(),
                                .boot = kBoot})
                   .value();
  }

  void Write(int count) {
    for (int i = 0; i < count; ++i) {
      const frame::RecordParts parts{
          .key = {}, .headers = {}, .event_time = {}, .value_bytes = 8, .tombstone = false};
      const frame::RecordLayout layout = frame::LayoutOf(parts);
      const ClaimWord before = segment_->Claim(kRecordBytes);
      std::byte* frame = segment_->At(PositionOf(before));
      std::byte* value = frame::FillRecord(frame, layout, parts, Timestamp(), RecordsOf(before));
      std::fill_n(value, 8, std::byte{'x'});
      segment_->Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
    }
  }
  std::byte* LeaveClaim() { return segment_->At(PositionOf(segment_->Claim(kRecordBytes))); }
  void Sync() { REQUIRE(segment_->Sync(*directory_, segment_->CommittedEnd(), kBoot).ok()); }
  void Damage(int record) { *segment_->At(PositionOfRecord(record) + 26) ^= std::byte{1}; }

  Segment::Recovery Recover(bool same_boot, std::optional<Offset> next_base = std::nullopt) {
    segment_ =
        Segment::Open(*directory_, PartitionName("t", 0), Offset(0), MapAccess::kReadWrite).value();
    const auto recovery =
        segment_->Recover(*directory_, same_boot ? kBoot : kOtherBoot, next_base, Timestamp());
    INFO(recovery.status());
    REQUIRE(recovery.ok());
    return *recovery;
  }
  std::uint32_t records() { return RecordsOf(segment_->CommittedEnd()); }
  static std::uint64_t PositionOfRecord(int record) {
    return frame::kSegmentHeaderBytes + static_cast<std::uint64_t>(record) * kRecordBytes;
  }
  Segment& segment() { return *segment_; }

 private:
  static constexpr BootId kBoot = {std::byte{1}};
  static constexpr BootId kOtherBoot = {std::byte{2}};

  SimulatedFileSystem disk_;
  std::unique_ptr<Directory> directory_ =
      disk_.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  std::shared_ptr<Segment> segment_;
};

}  // namespace

TEST_CASE("A clean end goes on in the same segment, in the same boot and in another") {
  for (const bool same_boot : {true, false}) {
    RecoveryFixture fixture;
    fixture.Write(5);
    const Segment::Recovery recovery = fixture.Recover(same_boot);
    CHECK(recovery.state == SegmentState::kWritable);
    CHECK(fixture.records() == 5);
    fixture.Write(1);
    CHECK(fixture.records() == 6);
  }
}

TEST_CASE("A hole is padded in the same boot and cut at in another") {
  RecoveryFixture killed;
  killed.Write(2);
  killed.LeaveClaim();
  killed.Write(2);
  CHECK(killed.Recover(true).claims_padded == 1);
  CHECK(killed.records() == 5);

  RecoveryFixture cut;
  cut.Write(2);
  cut.LeaveClaim();
  cut.Write(2);
  const Segment::Recovery recovery = cut.Recover(false);
  CHECK(recovery.state == SegmentState::kSealed);
  CHECK(recovery.torn_bytes == 3 * kRecordBytes);
  CHECK(cut.records() == 2);
  CHECK(cut.segment().is_durable());
}

TEST_CASE("A hole below the durable mark is never cut at") {
  RecoveryFixture fixture;
  fixture.Write(3);
  fixture.Sync();
  fixture.Write(2);
  fixture.Damage(1);
  CHECK(fixture.Recover(false).state == SegmentState::kWritable);
  CHECK(fixture.records() == 5);
  frame::FrameHeader header;
  CHECK(fixture.segment().Look(RecoveryFixture::PositionOfRecord(1), &header) ==
        frame::FrameState::kBad);
}

TEST_CASE("A damaged record stays where it is in the same boot") {
  RecoveryFixture fixture;
  fixture.Write(5);
  fixture.Damage(2);
  const Segment::Recovery recovery = fixture.Recover(true);
  CHECK(recovery.claims_padded == 0);
  CHECK(recovery.torn_bytes == 0);
  CHECK(fixture.records() == 5);
}

TEST_CASE("Bytes of a claim at the end are cleared away and the segment sealed") {
  RecoveryFixture fixture;
  fixture.Write(1);
  std::byte* claim = fixture.LeaveClaim();
  claim[20] = std::byte{9};
  const Segment::Recovery recovery = fixture.Recover(true);
  CHECK(recovery.state == SegmentState::kSealed);
  CHECK(recovery.torn_bytes == 21);
  CHECK(fixture.segment().sealed_end().has_value());
  // Nothing behind the seal.
  CHECK(frame::Scan(fixture.segment().Bytes(), {}).tail_bytes == 0);
}

TEST_CASE("A segment that others follow is sealed, and what is missing is told") {
  RecoveryFixture whole;
  whole.Write(4);
  CHECK_FALSE(whole.Recover(false, Offset(4)).was_cut);
  CHECK(whole.segment().sealed_end().has_value());
  RecoveryFixture shorter;
  shorter.Write(4);
  CHECK(shorter.Recover(false, Offset(6)).was_cut);
}

TEST_CASE("In the same boot nothing is looked for behind the last grant, in another it is") {
  constexpr BootId kBoot = {std::byte{1}};
  for (const bool same_boot : {true, false}) {
    SimulatedFileSystem disk;
    const auto directory = disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
    const SegmentSettings settings{.base_offset = Offset(0),
                                   .segment_id = 7,
                                   .capacity = 16 << 20,
                                   .max_frame_bytes = 16 << 10,
                                   .created = Timestamp(),
                                   .boot = kBoot};
    auto prepared =
        Segment::Prepare(*directory, settings.capacity, settings.capacity, false).value();
    const auto segment =
        Segment::Create(*directory, PartitionName("t", 0), settings, std::move(prepared)).value();
    // No claim can have reached so far.
    *segment->At(8 << 20) = std::byte{1};
    const auto found =
        Segment::Open(*directory, PartitionName("t", 0), Offset(0), MapAccess::kReadWrite).value();
    const auto recovery =
        found->Recover(*directory, same_boot ? kBoot : BootId{}, std::nullopt, Timestamp());
    REQUIRE(recovery.ok());
    CHECK(recovery->state == (same_boot ? SegmentState::kWritable : SegmentState::kSealed));
  }
}

TEST_CASE("Recovering twice finds what the first time left") {
  for (const bool same_boot : {true, false}) {
    RecoveryFixture fixture;
    fixture.Write(2);
    fixture.LeaveClaim();
    fixture.Write(2);
    fixture.Recover(same_boot);
    const std::uint32_t records = fixture.records();
    const Segment::Recovery again = fixture.Recover(same_boot);
    CHECK(again.claims_padded == 0);
    CHECK(again.torn_bytes == 0);
    CHECK(fixture.records() == records);
  }
}

}  // namespace daybook
