#include "log/check/diagnosis.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/page.h"
#include "format/scan.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kLargestSegment = std::uint64_t{1} << 32;  // of the format
// Of the first frame of a gap; flipping the bits of more would take too long.
constexpr std::size_t kMostFlipped = 4096;
// How far into a gap a misplaced frame is looked for: pages are what is misplaced.
constexpr std::uint64_t kMostSearched = 2 * kPageBytes;

// Where the frame that stands at `position` and is well-formed belongs by its checksum, if that is
// a whole number of pages away.
std::optional<std::uint64_t> HomeOf(const frame::SegmentBytes& segment, std::uint64_t position) {
  const std::byte* const at = segment.bytes.data() + position;
  const std::uint32_t word = frame::AcquireLengthWord(at);
  frame::FrameHeader header;
  if (word == 0 || frame::KindOf(word) == frame::Kind::kPadding ||
      !frame::IsWellFormed(segment, position, word, &header)) {
    return std::nullopt;
  }
  frame::FrameHead head;
  std::memcpy(&head, at + 8, sizeof head);
  const std::uint64_t body_hash = Hash64(
      std::span(at + frame::kFrameHeaderBytes, frame::LengthOf(word) - frame::kFrameHeaderBytes));
  for (std::uint64_t home = position % kPageBytes; home < segment.bytes.size();
       home += kPageBytes) {
    if (home >= frame::kSegmentHeaderBytes && home != position &&
        frame::ChecksumOf(head, body_hash, word, home, segment.segment_id) == header.checksum) {
      return home;
    }
  }
  return std::nullopt;
}

// The position of the one bit that makes a valid frame of what stands at `begin`.
std::optional<std::uint64_t> FlippedBit(const frame::SegmentBytes& segment, std::uint64_t begin,
                                        std::uint64_t end) {
  const auto gap = segment.bytes.subspan(begin, std::min(end - begin, kMostFlipped));
  std::vector<std::byte> copy(gap.begin(), gap.end());
  const frame::SegmentBytes view{
      .bytes = copy, .segment_id = segment.segment_id, .max_frame_bytes = segment.max_frame_bytes};
  const auto is_whole = [&] {
    const std::uint32_t word = frame::AcquireLengthWord(copy.data());
    frame::FrameHeader header;
    if (word == 0 || !frame::IsWellFormed(view, 0, word, &header)) return false;
    return frame::ChecksumOf(copy.data(), word, begin, segment.segment_id) == header.checksum;
  };
  if (copy.size() < frame::kFrameHeaderBytes || !FlipBack(copy, is_whole)) return std::nullopt;
  const auto changed = std::mismatch(copy.begin(), copy.end(), gap.begin());
  return begin + static_cast<std::uint64_t>(changed.first - copy.begin());
}

}  // namespace

bool FlipBack(std::span<std::byte> bytes, const std::function<bool()>& is_whole) {
  for (std::byte& byte : bytes) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      byte ^= static_cast<std::byte>(1U << bit);
      if (is_whole()) return true;
      byte ^= static_cast<std::byte>(1U << bit);
    }
  }
  return false;
}

std::string CauseOfGap(const frame::SegmentBytes& segment, std::uint64_t begin, std::uint64_t end) {
  const auto gap = segment.bytes.subspan(begin, end - begin);
  if (std::all_of(gap.begin(), gap.end(), [](std::byte byte) { return byte == std::byte{0}; })) {
    return "zeros where records were committed";
  }
  for (std::uint64_t at = begin; at < std::min(end, begin + kMostSearched) &&
                                 at + frame::kFrameHeaderBytes <= segment.bytes.size();
       at += frame::kFrameAlignment) {
    if (const auto home = HomeOf(segment, at)) {
      return absl::StrCat("bytes of another place: what stands at position ", at,
                          " belongs at position ", *home);
    }
  }
  if (const auto flipped = FlippedBit(segment, begin, end)) {
    return absl::StrCat("one bit is flipped, at position ", *flipped);
  }
  return "a record is damaged: its checksum or its fields are wrong";
}

std::optional<frame::SegmentHeader> RestoreHeader(std::span<const std::byte> bytes,
                                                  const HeaderHints& hints) {
  if (bytes.size() < frame::kSegmentHeaderBytes + frame::kFrameHeaderBytes ||
      bytes.size() > kLargestSegment) {
    return std::nullopt;
  }
  const auto first_page = bytes.first(frame::kSegmentHeaderBytes);
  std::vector<std::byte> page(first_page.begin(), first_page.end());
  const auto is_whole = [&] { return frame::DecodeSegmentHeader(page).ok(); };
  if (FlipBack(std::span(page).first(sizeof(frame::SegmentHeader)), is_whole)) {
    return *frame::DecodeSegmentHeader(page);
  }

  frame::SegmentHeader damaged;
  std::memcpy(&damaged, first_page.data(), sizeof damaged);
  for (const std::optional<std::uint64_t> id :
       {hints.segment_id, std::optional(damaged.segment_id)}) {
    if (!id) continue;
    const frame::SegmentBytes segment{.bytes = bytes,
                                      .segment_id = *id,
                                      .max_frame_bytes = hints.neighbour
                                                             ? hints.neighbour->max_frame_bytes
                                                             : frame::kMaxFrameBytes};
    const auto found =
        frame::FindFrame(segment, {.position = frame::kSegmentHeaderBytes, .delta = 0});
    if (!found) continue;
    frame::SegmentHeader header{};
    header.segment_id = *id;
    header.base_offset = hints.base_offset.value();
    header.max_frame_bytes = segment.max_frame_bytes;
    header.capacity =
        std::max<std::uint64_t>(bytes.size(), hints.neighbour ? hints.neighbour->capacity : 0);
    header.created = found->header.append_time;
    return header;
  }
  return std::nullopt;
}

}  // namespace daybook::inline v1
