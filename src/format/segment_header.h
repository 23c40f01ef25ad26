#ifndef DAYBOOK_FORMAT_SEGMENT_HEADER_H_
#define DAYBOOK_FORMAT_SEGMENT_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/format/frame.h"

// The header page of a segment and its checkpoint slots; pure functions on bytes. The format is
// described in daybook/format/frame.h.

namespace daybook::inline v1::frame {

// Of a segment's records the offsets are up to 2^32 higher, and so is the one behind them.
inline constexpr std::int64_t kMaxBaseOffset = INT64_MAX - (std::int64_t{1} << 33);

// What a segment may grow to: its positions are counted in units of 8 bytes.
inline constexpr std::uint64_t kMaxSegmentBytes = std::uint64_t{1} << 32;

// FailedPrecondition: why this library cannot read what has that format version, and what to do.
absl::Status OtherVersion(std::uint32_t version);

// Completes `header` (magic, version, checksum) and writes it to the first 64 bytes of `page`.
void EncodeSegmentHeader(SegmentHeader header, std::span<std::byte> page);

// The message says what is wrong, and leaves the name of the file to the caller.
//   FailedPrecondition  another format version
//   NotFound            the page is all zero: the file was made, but never synced
//   DataLoss            damaged, or no segment at all
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> page);

// Why this library cannot read a whole header of another format version; OK for all else, damage
// among it.
absl::Status CheckHeaderVersion(std::span<const std::byte> page);

// The valid slot with the highest sequence; all zero when there is none. Positions outside of
// [kSegmentHeaderBytes, file_bytes] make a slot invalid.
CheckpointSlot LatestCheckpoint(std::span<const std::byte> page, std::uint64_t segment_id,
                                std::uint64_t file_bytes);

// Writes `slot` over the older one. A torn write leaves the newer one in place.
void EncodeCheckpoint(CheckpointSlot slot, std::uint64_t segment_id, std::span<std::byte> page);

// The word at kClaimBoundPosition: that no claim reached beyond `position`. In one store, so that
// it is never torn.
void EncodeClaimBound(std::uint64_t position, std::uint64_t segment_id, std::span<std::byte> page);
// The position; absent when it is not known or the word is damaged.
std::optional<std::uint64_t> DecodeClaimBound(std::span<const std::byte> page,
                                              std::uint64_t segment_id);
bool HasBadClaimBound(std::span<const std::byte> page, std::uint64_t segment_id);

// True when a slot has bytes in it that do not add up: damage or a torn write. For `verify`.
bool HasBadCheckpoint(std::span<const std::byte> page, std::uint64_t segment_id,
                      std::uint64_t file_bytes);

}  // namespace daybook::inline v1::frame

#endif  // DAYBOOK_FORMAT_SEGMENT_HEADER_H_
