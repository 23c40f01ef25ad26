#ifndef DAYBOOK_LOG_CHECK_DIAGNOSIS_H_
#define DAYBOOK_LOG_CHECK_DIAGNOSIS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "daybook/offset.h"
#include "format/frame_codec.h"

// What happened to bytes that are damaged, and what of a header or a small file can be had back.
// Pure functions on bytes, each in time that is bounded whatever they hold.

namespace daybook::inline v1 {

// Why [begin, end) of a segment, which begins where a frame should, holds none.
std::string CauseOfGap(const frame::SegmentBytes& segment, std::uint64_t begin, std::uint64_t end);

// Flips every bit of `bytes`, one at a time, until `is_whole` holds; leaves them so. For what has a
// checksum that is not met by chance.
bool FlipBack(std::span<std::byte> bytes, const std::function<bool()>& is_whole);

// What is known of a segment beside its own header.
struct HeaderHints {
  Offset base_offset;                             // by its name
  std::optional<std::uint64_t> segment_id;        // that its index names
  std::optional<frame::SegmentHeader> neighbour;  // the header of another segment
};

// The header of a segment, `bytes`, whose own is damaged: with one flipped bit put back, or made
// anew around an id under which there are valid frames. Nothing if there is no such id.
std::optional<frame::SegmentHeader> RestoreHeader(std::span<const std::byte> bytes,
                                                  const HeaderHints& hints);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_CHECK_DIAGNOSIS_H_
