#include "format/segment_header.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/is_zero.h"

namespace daybook::inline v1::frame {
namespace {

std::uint32_t HeaderChecksum(SegmentHeader header) {
  header.checksum = 0;
  return Checksum32(Hash64(std::as_bytes(std::span(&header, 1))), 0);
}

std::uint32_t SlotChecksum(const CheckpointSlot& slot, std::uint64_t segment_id) {
  const auto bytes = std::as_bytes(std::span(&slot, 1));
  return Checksum32(Hash64(bytes.first(offsetof(CheckpointSlot, checksum))), segment_id);
}

enum class SlotState { kUnused, kValid, kBad };

SlotState LoadSlot(std::span<const std::byte> page, int which, std::uint64_t segment_id,
                   std::uint64_t file_bytes, CheckpointSlot* slot) {
  const auto bytes = page.subspan(kCheckpointPositions[which], sizeof(CheckpointSlot));
  std::memcpy(slot, bytes.data(), sizeof *slot);
  if (IsZero(bytes)) return SlotState::kUnused;
  if (slot->checksum != SlotChecksum(*slot, segment_id)) return SlotState::kBad;
  for (const std::uint64_t position : {slot->durable_position, slot->committed_position}) {
    if (position < kSegmentHeaderBytes || position > file_bytes) return SlotState::kBad;
    if (position % kFrameAlignment != 0) return SlotState::kBad;
  }
  return SlotState::kValid;
}

}  // namespace

absl::Status OtherVersion(std::uint32_t version) {
  if (version > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it has format version ", version, ", and this library reads version ", kFormatVersion,
        "; use the version of the library that wrote it, or a later one"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "it was written by a version of Daybook before 1.0 (format version ", version,
      "), and this library reads format version ", kFormatVersion,
      " alone; copy its topics to a new directory: read them with the version that wrote it "
      "(daybook consume -J) and append them with this one (daybook produce -J)"));
}

void EncodeSegmentHeader(SegmentHeader header, std::span<std::byte> page) {
  header.magic = kMagic;
  header.format_version = kFormatVersion;
  header.checksum = HeaderChecksum(header);
  std::memcpy(page.data(), &header, sizeof header);
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> page) {
  if (page.size() < kSegmentHeaderBytes) {
    return absl::DataLossError(
        absl::StrCat("it has ", page.size(), " bytes, fewer than the header of a segment"));
  }
  SegmentHeader header;
  std::memcpy(&header, page.data(), sizeof header);
  if (IsZero(page.first(sizeof header))) {
    return absl::NotFoundError("its header is all zero: it was made, but never reached the disk");
  }
  if (header.magic != kMagic) {
    return absl::DataLossError("it does not begin with the magic of a Daybook segment");
  }
  // Before the checksum: a later version may compute another one.
  if (header.format_version > kFormatVersion) return OtherVersion(header.format_version);
  if (header.checksum != HeaderChecksum(header) || header.format_version == 0) {
    return absl::DataLossError("the checksum of its header is wrong");
  }
  if (header.format_version < kFormatVersion) return OtherVersion(header.format_version);
  if (header.base_offset < 0 || header.base_offset > kMaxBaseOffset || header.settled_before < 0 ||
      header.settled_before > header.base_offset ||
      header.capacity < kSegmentHeaderBytes + kSealBytes || header.capacity > kMaxSegmentBytes ||
      header.max_frame_bytes > kMaxFrameBytes) {
    return absl::DataLossError("the fields of its header contradict each other");
  }
  return header;
}

absl::Status CheckHeaderVersion(std::span<const std::byte> page) {
  const absl::Status status = DecodeSegmentHeader(page).status();
  if (!absl::IsFailedPrecondition(status)) return absl::OkStatus();
  SegmentHeader header;
  std::memcpy(&header, page.data(), sizeof header);
  return header.checksum == HeaderChecksum(header) ? status : absl::OkStatus();
}

CheckpointSlot LatestCheckpoint(std::span<const std::byte> page, std::uint64_t segment_id,
                                std::uint64_t file_bytes) {
  CheckpointSlot best{};
  for (int which = 0; which < 2; ++which) {
    CheckpointSlot slot;
    if (LoadSlot(page, which, segment_id, file_bytes, &slot) == SlotState::kValid &&
        slot.sequence >= best.sequence) {
      best = slot;
    }
  }
  return best;
}

void EncodeCheckpoint(CheckpointSlot slot, std::uint64_t segment_id, std::span<std::byte> page) {
  slot.checksum = SlotChecksum(slot, segment_id);
  // Sequences alternate between the slots, so the one written is always the older one.
  std::memcpy(page.data() + kCheckpointPositions[slot.sequence % 2], &slot, sizeof slot);
}

namespace {

std::uint64_t LoadClaimBound(std::span<const std::byte> page) {
  std::uint64_t word;
  std::memcpy(&word, page.data() + kClaimBoundPosition, sizeof word);
  return word;
}

std::uint64_t ClaimBoundWord(std::uint32_t units, std::uint64_t segment_id) {
  const std::uint32_t checksum =
      Checksum32(Hash64(std::as_bytes(std::span(&units, 1))), segment_id);
  return std::uint64_t{checksum} << 32 | units;
}

}  // namespace

void EncodeClaimBound(std::uint64_t position, std::uint64_t segment_id, std::span<std::byte> page) {
  const auto units = static_cast<std::uint32_t>(position / kFrameAlignment);
  std::atomic_ref<std::uint64_t>(
      *reinterpret_cast<std::uint64_t*>(page.data() + kClaimBoundPosition))
      .store(ClaimBoundWord(units, segment_id), std::memory_order_release);
}

std::optional<std::uint64_t> DecodeClaimBound(std::span<const std::byte> page,
                                              std::uint64_t segment_id) {
  const std::uint64_t word = LoadClaimBound(page);
  const auto units = static_cast<std::uint32_t>(word);
  if (word == 0 || word != ClaimBoundWord(units, segment_id)) return std::nullopt;
  return std::uint64_t{units} * kFrameAlignment;
}

bool HasBadClaimBound(std::span<const std::byte> page, std::uint64_t segment_id) {
  return LoadClaimBound(page) != 0 && !DecodeClaimBound(page, segment_id);
}

bool HasBadCheckpoint(std::span<const std::byte> page, std::uint64_t segment_id,
                      std::uint64_t file_bytes) {
  CheckpointSlot slot;
  return LoadSlot(page, 0, segment_id, file_bytes, &slot) == SlotState::kBad ||
         LoadSlot(page, 1, segment_id, file_bytes, &slot) == SlotState::kBad;
}

}  // namespace daybook::inline v1::frame
