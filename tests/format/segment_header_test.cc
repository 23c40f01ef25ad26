#include "format/segment_header.h"

#include <array>

#include "catch.h"
#include "support/earlier_format.h"

namespace daybook {
namespace {

constexpr std::uint64_t kId = 42;

struct Page {
  std::array<std::byte, frame::kSegmentHeaderBytes> bytes{};

  static Page Encoded() {
    Page page;
    frame::EncodeSegmentHeader({.magic = {},
                                .format_version = 0,
                                .checksum = 0,
                                .segment_id = kId,
                                .base_offset = 1000,
                                .leader_epoch = 3,
                                .max_frame_bytes = 1 << 20,
                                .capacity = 64 << 20,
                                .created = 7,
                                .settled_before = 900},
                               page.bytes);
    return page;
  }
  void Put(std::uint64_t sequence, std::uint64_t durable_position) {
    frame::EncodeCheckpoint({.sequence = sequence,
                             .durable_position = durable_position,
                             .durable_offset = 1001,
                             .committed_position = 8192,
                             .committed_offset = 1002,
                             .boot_id = {},
                             .flags = 0,
                             .checksum = 0},
                            kId, bytes);
  }
  frame::CheckpointSlot Latest() const { return frame::LatestCheckpoint(bytes, kId, 1 << 20); }
};

}  // namespace

TEST_CASE("A segment header comes back as it was written") {
  const auto header = frame::DecodeSegmentHeader(Page::Encoded().bytes);
  REQUIRE(header.ok());
  CHECK(header->segment_id == kId);
  CHECK(header->base_offset == 1000);
  CHECK(header->leader_epoch == 3);
  CHECK(header->capacity == 64 << 20);
  CHECK(header->created == 7);
}

TEST_CASE("Every flipped bit of a segment header is found") {
  Page page = Page::Encoded();
  for (std::size_t byte = 0; byte < sizeof(frame::SegmentHeader); ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      page.bytes[byte] ^= static_cast<std::byte>(1U << bit);
      CHECK_FALSE(frame::DecodeSegmentHeader(page.bytes).ok());
      page.bytes[byte] ^= static_cast<std::byte>(1U << bit);
    }
  }
}

TEST_CASE("A newer format is refused with its version and a way out") {
  Page page = Page::Encoded();
  page.bytes[8] = std::byte{3};
  const auto status = frame::DecodeSegmentHeader(page.bytes).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.ToString().find("version 3") != std::string::npos);
  CHECK(frame::CheckHeaderVersion(page.bytes).ok());  // as its checksum is that of version 2
}

TEST_CASE("An earlier format is refused with a way out, and is damage if its checksum is wrong") {
  Page page = Page::Encoded();
  MakeEarlierHeader(page.bytes);
  const auto status = frame::DecodeSegmentHeader(page.bytes).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.ToString().find("before 1.0 (format version 1)") != std::string::npos);
  CHECK(status.ToString().find("copy its topics to a new directory") != std::string::npos);
  CHECK(frame::CheckHeaderVersion(page.bytes) == status);
  page.bytes[24] ^= std::byte{1};
  CHECK(absl::IsDataLoss(frame::DecodeSegmentHeader(page.bytes).status()));
}

TEST_CASE("A base offset behind which there is no room for offsets is refused") {
  Page page = Page::Encoded();
  frame::SegmentHeader header = *frame::DecodeSegmentHeader(page.bytes);
  for (const std::int64_t base : {frame::kMaxBaseOffset, frame::kMaxBaseOffset + 1, INT64_MAX}) {
    header.base_offset = base;
    frame::EncodeSegmentHeader(header, page.bytes);
    CHECK(frame::DecodeSegmentHeader(page.bytes).ok() == (base == frame::kMaxBaseOffset));
  }
}

TEST_CASE("A page of zeros is a segment that never reached the disk") {
  CHECK(absl::IsNotFound(frame::DecodeSegmentHeader(Page().bytes).status()));
}

TEST_CASE("The checkpoint with the higher sequence counts") {
  Page page = Page::Encoded();
  CHECK(page.Latest().sequence == 0);
  page.Put(1, 4096);
  page.Put(2, 5000 / 8 * 8);
  CHECK(page.Latest().sequence == 2);
  page.Put(3, 8192);
  CHECK(page.Latest().sequence == 3);
  CHECK(page.Latest().durable_position == 8192);
}

TEST_CASE("A torn checkpoint leaves the one before in force") {
  Page page = Page::Encoded();
  page.Put(1, 4096);
  page.Put(2, 8192);
  for (std::size_t byte = 0; byte < sizeof(frame::CheckpointSlot); ++byte) {
    Page torn = page;
    torn.bytes[frame::kCheckpointPositions[0] + byte] ^= std::byte{0x10};
    CHECK(torn.Latest().sequence == 1);
    CHECK(frame::HasBadCheckpoint(torn.bytes, kId, 1 << 20));
  }
  CHECK_FALSE(frame::HasBadCheckpoint(page.bytes, kId, 1 << 20));
}

TEST_CASE("A checkpoint that points outside of the file does not count") {
  Page page = Page::Encoded();
  page.Put(1, 4096);
  page.Put(2, std::uint64_t{2} << 20);
  CHECK(page.Latest().sequence == 1);
  page.Put(2, 8);
  CHECK(page.Latest().sequence == 1);
}

TEST_CASE("A claim bound is known once it was written, and only under its own segment's id") {
  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  CHECK_FALSE(frame::DecodeClaimBound(page, 7));
  CHECK_FALSE(frame::HasBadClaimBound(page, 7));
  frame::EncodeClaimBound(1 << 20, 7, page);
  CHECK(frame::DecodeClaimBound(page, 7) == 1 << 20);
  CHECK_FALSE(frame::DecodeClaimBound(page, 8));
  for (int bit = 0; bit < 64; ++bit) {
    auto damaged = page;
    damaged[frame::kClaimBoundPosition + static_cast<std::size_t>(bit / 8)] ^=
        static_cast<std::byte>(1 << bit % 8);
    CHECK_FALSE(frame::DecodeClaimBound(damaged, 7));
    CHECK(frame::HasBadClaimBound(damaged, 7));
  }
}

}  // namespace daybook
