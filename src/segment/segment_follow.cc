#include <algorithm>
#include <array>
#include <optional>

#include "base/planted_bug.h"
#include "format/open_claims.h"
#include "format/segment_header.h"
#include "segment/segment.h"

// A segment that another process writes, or that it wrote until it died.

namespace daybook::inline v1 {

absl::StatusOr<bool> Segment::Refresh(Directory& directory) {
  auto file = directory.OpenFile(SegmentFileName(base_offset(), ".log"), FileMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  const auto got = (*file)->ReadAt(0, page);
  if (!got.ok()) return got.status();
  const auto header = frame::DecodeSegmentHeader(page);
  const bool is_same = header.ok() && header->segment_id == header_.segment_id;
  if (!is_same && !IsPlanted(PlantedBug::kFollowersIgnoreIds)) return false;
  file_.SetLimit(std::min(frame::AlignedLength(*size), header_.capacity));
  const std::uint64_t position = PositionOf(CommittedEnd());
  if (!sealed_end()) AdoptSeal(position + frame::kSealBytes);
  std::array<std::byte, sizeof(std::uint32_t)> word{};
  const auto behind = (*file)->ReadAt(position, word);
  // In this order: what is in the file is in the map, too, by now.
  return !behind.ok() || *behind < word.size() || frame::AcquireLengthWord(At(position)) != 0 ||
         word == std::array<std::byte, sizeof(std::uint32_t)>{};
}

void Segment::Follow(const BootId& boot) {
  const ClaimWord trusted = LoadCheckpoint(boot);
  bounds_.RaiseHoleEnd(checkpoint_.KnownEnd(boot));  // of a file that was cut short: damage there
  if (AdoptCheckpoint(trusted)) return;
  // Beyond what is known of the file, a seal may stand before it: the writer has gone on since the
  // size was looked at, or the file was cut short. Then the end is found by walking.
  gate_->SetCommitted(PositionOf(trusted) <= Bytes().bytes.size() ? trusted : kFirstFrame);
}

std::optional<std::uint64_t> Segment::FrameBehindClaims(std::uint64_t position,
                                                        const BootId& boot) const {
  if (IsPlanted(PlantedBug::kWaitsAtDeadClaims)) return std::nullopt;
  // After a boot zeros may be what a power cut has left, and recovery cuts at the first of them, or
  // keeps them for damage: it passes nothing.
  if (!IsOfBoot(boot)) return std::nullopt;
  const frame::SegmentBytes bytes = Bytes();
  if (position + frame::kFrameHeaderBytes > bytes.bytes.size() ||
      frame::AcquireLengthWord(At(position)) != 0) {
    return std::nullopt;  // nobody claims there, or what was claimed is committed
  }
  frame::SegmentBytes claimed = bytes;  // behind the bound there are zeros, and many of them
  const auto bound =
      frame::DecodeClaimBound({file_.data(), frame::kSegmentHeaderBytes}, header_.segment_id);
  if (bound)
    claimed.bytes = claimed.bytes.first(std::min<std::uint64_t>(*bound, bytes.bytes.size()));
  if (position >= claimed.bytes.size()) return std::nullopt;
  const frame::OpenClaims claims = frame::FollowClaims(claimed, position);
  frame::FrameHeader header;
  if (claims.next != frame::OpenClaims::Next::kFrame ||
      frame::Inspect(bytes, claims.position, &header) != frame::FrameState::kValid) {
    return std::nullopt;
  }
  return claims.position;
}

std::optional<ClaimWord> Segment::BehindDeadClaims(std::uint64_t position) const {
  if (!bounds_.IsDead(position)) return std::nullopt;
  const frame::SegmentBytes bytes = Bytes();
  const frame::OpenClaims claims = frame::FollowClaims(bytes, position);
  frame::FrameHeader header;
  if (claims.next != frame::OpenClaims::Next::kFrame || claims.position == position ||
      frame::Inspect(bytes, claims.position, &header) != frame::FrameState::kValid) {
    return std::nullopt;
  }
  return MakeClaimWord(header.offset_delta, claims.position);
}

}  // namespace daybook::inline v1
