#include <cstring>
#include <string>
#include <string_view>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "segment/segment.h"
#include "support/segment_bytes.h"
#include "torture/hostile.h"

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
      const ClaimWord before = segment_->gate().Claim(kRecordBytes);
      REQUIRE(segment_->Extend(PositionOf(before) + kRecordBytes).ok());
      std::byte* frame = segment_->At(PositionOf(before));
      std::byte* value = frame::FillRecord(frame, layout, parts, Timestamp(), RecordsOf(before));
      std::fill_n(value, 8, std::byte{'x'});
      segment_->Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
    }
  }
  // Leaves a claim of that many bytes open, begun and filled.
  std::byte* LeaveFilled(std::string_view bytes) {
    const std::uint64_t size = frame::AlignedLength(frame::kFrameHeaderBytes + bytes.size());
    const ClaimWord before = segment_->gate().Claim(size);
    REQUIRE(segment_->Extend(PositionOf(before) + size).ok());
    std::byte* frame = segment_->BeginFrame(before, size);
    std::memset(frame + 8, 0x10, frame::kFrameHeaderBytes - 8);
    std::memcpy(frame + frame::kFrameHeaderBytes, bytes.data(), bytes.size());
    return frame;
  }
  std::byte* LeaveClaim() { return segment_->At(PositionOf(segment_->gate().Claim(kRecordBytes))); }
  void Checkpoint() { segment_->Checkpoint(kBoot); }
  void Sync() { REQUIRE(segment_->Sync(*directory_, segment_->CommittedEnd(), kBoot).ok()); }
  void Damage(int record) { *segment_->At(PositionOfRecord(record) + 26) ^= std::byte{1}; }

  SegmentRecovery Recover(bool same_boot, std::optional<Offset> next_base = std::nullopt) {
    segment_ =
        Segment::Open(*directory_, PartitionName("t", 0), Offset(0), MapAccess::kReadWrite).value();
    const auto recovery =
        segment_->Recover(*directory_, same_boot ? kBoot : kOtherBoot, next_base, Timestamp());
    INFO(recovery.status());
    REQUIRE(recovery.ok());
    return *recovery;
  }
  absl::Status TryRecover(bool same_boot) {
    segment_ =
        Segment::Open(*directory_, PartitionName("t", 0), Offset(0), MapAccess::kReadWrite).value();
    return segment_->Recover(*directory_, same_boot ? kBoot : kOtherBoot, std::nullopt, Timestamp())
        .status();
  }
  // Of all frames and what is behind them.
  std::string Content() {
    const auto bytes = segment_->Bytes().bytes.subspan(frame::kSegmentHeaderBytes);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
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
    const SegmentRecovery recovery = fixture.Recover(same_boot);
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
  const SegmentRecovery recovery = cut.Recover(false);
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
  CHECK(fixture.segment().ReadFrame(RecoveryFixture::PositionOfRecord(1), &header) ==
        frame::FrameState::kBad);
}

TEST_CASE("A damaged record stays where it is in the same boot") {
  RecoveryFixture fixture;
  fixture.Write(5);
  fixture.Damage(2);
  const SegmentRecovery recovery = fixture.Recover(true);
  CHECK(recovery.claims_padded == 0);
  CHECK(recovery.torn_bytes == 0);
  CHECK(fixture.records() == 5);
}

TEST_CASE("Bytes of a claim at the end are cleared away and the segment sealed") {
  RecoveryFixture fixture;
  fixture.Write(1);
  std::byte* claim = fixture.LeaveClaim();
  claim[20] = std::byte{9};
  const SegmentRecovery recovery = fixture.Recover(true);
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
        PrepareFile(*directory, {.bytes = settings.capacity, .capacity = settings.capacity})
            .value();
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
    const SegmentRecovery again = fixture.Recover(same_boot);
    CHECK(again.claims_padded == 0);
    CHECK(again.torn_bytes == 0);
    CHECK(fixture.records() == records);
  }
}

TEST_CASE("Records behind an open claim are kept, whatever the claim holds") {
  for (int kind = 0; kind < torture::kHostileKinds; ++kind) {
    INFO("kind " << kind);
    const std::string content = torture::HostileBytes(static_cast<torture::Hostile>(kind), 8192, 3);
    RecoveryFixture fixture;
    fixture.LeaveFilled(content);  // the first of the segment
    fixture.Write(5);
    fixture.LeaveFilled(content);
    fixture.LeaveFilled(content);
    fixture.Write(5);
    const SegmentRecovery recovery = fixture.Recover(true);
    CHECK(recovery.state == SegmentState::kWritable);
    CHECK(recovery.claims_padded == 2);
    CHECK(recovery.torn_bytes == 0);
    CHECK(fixture.records() == 13);
    CHECK(frame::Scan(fixture.segment().Bytes(), {}).records == 10);
  }
}

TEST_CASE("A claim that was killed before its mark is passed by what follows it") {
  RecoveryFixture fixture;
  fixture.Write(1);
  fixture.LeaveClaim();
  fixture.LeaveClaim();
  fixture.LeaveFilled(torture::HostileBytes(torture::Hostile::kIntegers, 4096, 1));
  fixture.LeaveClaim();
  fixture.Write(3);
  CHECK(fixture.Recover(true).claims_padded == 1);
  CHECK(frame::Scan(fixture.segment().Bytes(), {}).records == 4);
  CHECK(fixture.records() == 8);
}

TEST_CASE("Behind a mark that is broken the records are searched for, and nothing is padded") {
  RecoveryFixture fixture;
  fixture.Write(1);
  std::byte* claim = fixture.LeaveFilled(torture::HostileBytes(torture::Hostile::kFloats, 8192, 1));
  fixture.Write(3);
  claim[7] ^= std::byte{0x80};
  CHECK(fixture.Recover(true).claims_padded == 0);
  CHECK(frame::Scan(fixture.segment().Bytes(), {}).records == 4);
  CHECK(fixture.records() == 5);
  // It is no claim that may be committed yet, but damage.
  frame::FrameHeader header;
  CHECK(fixture.segment().ReadFrame(RecoveryFixture::PositionOfRecord(1), &header) ==
        frame::FrameState::kBad);
}

TEST_CASE("What cannot be decided is left as it is, and said") {
  RecoveryFixture fixture;
  fixture.Write(2);
  // Damage, and behind it nothing but heads of frames as long as can be.
  std::byte* claim = fixture.LeaveFilled(std::string(15 << 10, '\0'));
  for (std::uint64_t at = 0; at + 24 <= 15 << 10; at += 24) {
    const std::uint32_t word =
        frame::LengthWord(frame::Kind::kRecord, static_cast<std::uint32_t>((15 << 10) - at));
    std::memcpy(claim + at, &word, sizeof word);
    claim[at + 16] = std::byte{100};  // an offset that can be
  }
  const auto before = fixture.Content();
  CHECK(absl::IsDataLoss(fixture.TryRecover(true)));
  CHECK(fixture.Content() == before);
  CHECK(absl::IsDataLoss(fixture.TryRecover(true)));
}

TEST_CASE("A damaged seal is written again where it stood, whatever of it is damaged") {
  for (const bool is_noted : {false, true}) {
    for (const bool has_claim : {false, true}) {
      for (std::uint64_t bit = 0; bit < 8 * frame::kSealBytes; ++bit) {
        INFO("bit " << bit << ", noted: " << is_noted << ", behind an open claim: " << has_claim);
        RecoveryFixture fixture;
        fixture.Write(4);
        if (has_claim) fixture.LeaveFilled("claim");
        const ClaimWord end = fixture.segment().ClaimedEnd();
        fixture.segment().file().StartClosing();
        fixture.segment().Seal(end, Timestamp());
        if (is_noted) fixture.Checkpoint();
        *fixture.segment().At(PositionOf(end) + bit / 8) ^= static_cast<std::byte>(1U << bit % 8);
        const SegmentRecovery recovery = fixture.Recover(true);
        REQUIRE(recovery.state == SegmentState::kSealed);
        REQUIRE(recovery.torn_bytes == 0);
        REQUIRE(recovery.claims_padded == (has_claim ? 1 : 0));
        const ClaimWord sealed = fixture.segment().sealed_end().value();
        REQUIRE(PositionOf(sealed) == PositionOf(end));
        // What says how many offsets a claim took may be what is damaged: rather too many then.
        REQUIRE(RecordsOf(sealed) >= RecordsOf(end));
        REQUIRE((has_claim || sealed == end));
        REQUIRE(fixture.segment().CommittedEnd() == sealed);
      }
    }
  }
}

TEST_CASE("What looks like a seal at the end of a record is left to the record") {
  RecoveryFixture fixture;
  fixture.Write(1);
  std::string value(64, 'x');
  const ClaimWord before = fixture.segment().gate().Claim(frame::kFrameHeaderBytes + value.size());
  const std::uint64_t end = PositionOf(before) + frame::kFrameHeaderBytes + value.size();
  std::byte* const frame = fixture.segment().BeginFrame(before, end - PositionOf(before));
  const frame::RecordParts parts{
      .key = {}, .headers = {}, .event_time = {}, .value_bytes = value.size(), .tombstone = false};
  const frame::RecordLayout layout = frame::LayoutOf(parts);
  std::byte* to = frame::FillRecord(frame, layout, parts, Timestamp(), RecordsOf(before));
  const std::uint32_t word = frame::LengthWord(frame::Kind::kSeal, frame::kSealBytes);
  const std::uint32_t records = 2;
  std::memcpy(&value[40], &word, sizeof word);
  std::memset(&value[44], 0, 20);
  std::memcpy(&value[56], &records, sizeof records);
  std::memcpy(to, value.data(), value.size());
  fixture.segment().Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
  fixture.segment().CommittedEnd();
  fixture.Checkpoint();
  CHECK(fixture.Recover(true).state == SegmentState::kWritable);
  CHECK(fixture.records() == 2);
  frame::FrameHeader header;
  CHECK(fixture.segment().ReadFrame(PositionOf(before), &header) == frame::FrameState::kValid);
}

TEST_CASE("The last frame of a segment that is full may be damaged together with its seal") {
  RecoveryFixture fixture;
  const int full = static_cast<int>((65'512 - frame::kSegmentHeaderBytes) / kRecordBytes);
  fixture.Write(full);
  const ClaimWord end = fixture.segment().ClaimedEnd();
  fixture.segment().file().StartClosing();
  fixture.segment().Seal(end, Timestamp());
  fixture.Damage(full - 1);
  *fixture.segment().At(PositionOf(end)) ^= std::byte{1};
  CHECK(fixture.Recover(true).state == SegmentState::kSealed);
  CHECK(RecordsOf(*fixture.segment().sealed_end()) == static_cast<std::uint32_t>(full));
}

}  // namespace daybook
