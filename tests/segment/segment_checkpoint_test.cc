#include "segment/segment_checkpoint.h"

#include <array>

#include "catch.h"

namespace daybook {
namespace {

constexpr BootId kBoot{std::byte{1}};
constexpr BootId kOtherBoot{std::byte{2}};

// A header page, of which one process after another has the checkpoint.
struct Page {
  SegmentCheckpoint Open() { return {header, bytes.data()}; }

  alignas(64) std::array<std::byte, frame::kSegmentHeaderBytes> bytes{};
  frame::SegmentHeader header{.magic = frame::kMagic,
                              .format_version = frame::kFormatVersion,
                              .checksum = 0,
                              .segment_id = 7,
                              .base_offset = 100,
                              .leader_epoch = 0,
                              .max_frame_bytes = 1 << 10,
                              .capacity = 64 << 10,
                              .created = 0,
                              .settled_before = 0};
};

constexpr ClaimWord Behind(std::uint64_t records) {
  return kFirstFrame + MakeClaimWord(records, records * 64);
}

}  // namespace

TEST_CASE("A page without a checkpoint says nothing") {
  Page page;
  SegmentCheckpoint checkpoint = page.Open();
  CHECK_FALSE(checkpoint.Load(kBoot));
  CHECK_FALSE(checkpoint.IsOfBoot(BootId{}));
  CHECK(checkpoint.durable_end() == Offset(100));
}

TEST_CASE("In the boot of a checkpoint what was committed is trusted, in another what was synced") {
  Page page;
  page.Open().Write(kBoot, Behind(5), Behind(3));
  for (const bool is_same_boot : {false, true}) {
    const BootId& boot = is_same_boot ? kBoot : kOtherBoot;
    SegmentCheckpoint checkpoint = page.Open();
    CHECK(checkpoint.IsOfBoot(boot) == is_same_boot);
    CHECK(checkpoint.Load(boot) == Behind(is_same_boot ? 5 : 3));
    CHECK(checkpoint.KnownEnd(boot) == PositionOf(Behind(is_same_boot ? 5 : 3)));
    CHECK(checkpoint.durable_end() == Offset(103));
  }
}

TEST_CASE("What is durable only rises, and is committed") {
  Page page;
  SegmentCheckpoint checkpoint = page.Open();
  checkpoint.Write(kBoot, Behind(5), Behind(5));
  checkpoint.Write(kBoot, Behind(2), Behind(1));
  CHECK(checkpoint.durable_end() == Offset(105));
  CHECK(page.Open().Load(kBoot) == Behind(5));
}

TEST_CASE("A failed sync is remembered by the next process, until one succeeds") {
  Page page;
  SegmentCheckpoint failed = page.Open();
  failed.Write(kBoot, Behind(5), Behind(3));
  CHECK_FALSE(failed.UnsyncedFrom());
  failed.NoteSync(/*has_failed=*/true);
  failed.Write(kBoot, Behind(5), std::nullopt);
  SegmentCheckpoint next = page.Open();
  REQUIRE(next.Load(kBoot));
  CHECK(next.UnsyncedFrom() == PositionOf(Behind(3)));
  next.NoteSync(/*has_failed=*/false);
  CHECK_FALSE(next.UnsyncedFrom());
}

TEST_CASE("A seal that was found is durable if its end is") {
  Page page;
  SegmentCheckpoint checkpoint = page.Open();
  checkpoint.Write(kBoot, Behind(5), Behind(3));
  checkpoint.NoteFoundSeal(PositionOf(Behind(5)));
  CHECK_FALSE(checkpoint.is_durable());
  checkpoint.NoteFoundSeal(PositionOf(Behind(3)));
  CHECK(checkpoint.is_durable());
}

}  // namespace daybook
