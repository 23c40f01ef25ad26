#include "fuzz/forgery.h"

#include <iterator>
#include <limits>
#include <map>
#include <span>

#include "format/scan.h"
#include "format/segment_header.h"
#include "segment/partition_name.h"

namespace daybook::fuzz {
namespace {

// A whole frame that no crash and no flipped bit leaves where it is: off the way from frame to
// frame, or with offsets of the segment that begins at `next_base`. Or a checkpoint that counts
// others than there are.
bool HoldsForgery(std::span<const std::byte> bytes, Offset next_base) {
  bytes = bytes.first(bytes.size() / frame::kFrameAlignment * frame::kFrameAlignment);
  if (bytes.size() < frame::kSegmentHeaderBytes) return false;
  const auto header = frame::DecodeSegmentHeader(bytes.first(frame::kSegmentHeaderBytes));
  if (!header.ok()) return false;
  const frame::SegmentBytes segment{
      .bytes = bytes, .segment_id = header->segment_id, .max_frame_bytes = header->max_frame_bytes};
  const std::int64_t offsets = next_base.value() - header->base_offset;
  bool overlaps = false;
  std::map<std::uint64_t, std::uint64_t> walked;  // of each position, how many offsets come before
  const frame::ScanResult scan =
      frame::Scan(segment, {}, [&](std::uint64_t position, const frame::FrameHeader& frame) {
        walked[position] = frame.offset_delta;
        const std::int64_t begin = frame.offset_delta;
        overlaps = overlaps || begin + frame::OffsetCount(frame) > offsets;
      });
  if (overlaps) return true;
  walked[scan.end_position] = scan.end_delta;
  const frame::CheckpointSlot slot = frame::LatestCheckpoint(
      bytes.first(frame::kSegmentHeaderBytes), header->segment_id, bytes.size());
  for (const auto& [position, offset] : {std::pair(slot.committed_position, slot.committed_offset),
                                         std::pair(slot.durable_position, slot.durable_offset)}) {
    const auto found = walked.find(position);
    if (found != walked.end() && header->base_offset + std::int64_t(found->second) != offset) {
      return true;
    }
  }
  std::uint64_t to_hash = 64 * bytes.size();  // more takes too long, and is forged, too
  for (std::uint64_t at = frame::kSegmentHeaderBytes; at < scan.end_position;
       at += frame::kFrameAlignment) {
    if (walked.contains(at)) continue;
    frame::FrameHeader found;
    const std::uint32_t word = frame::AcquireLengthWord(bytes.data() + at);
    if (word == 0 || !frame::IsWellFormed(segment, at, word, &found)) continue;
    if (frame::LengthOf(word) > to_hash) return true;
    to_hash -= frame::LengthOf(word);
    if (frame::Inspect(segment, at, &found) == frame::FrameState::kValid) return true;
  }
  return false;
}

}  // namespace

std::set<std::string> ForgedPartitions(const DirectoryImage& image) {
  std::map<std::string, std::map<Offset, const FileImage*>> partitions;
  for (const FileImage& file : image.files) {
    const std::size_t slash = file.path.find('/');
    if (slash == file.path.npos) continue;
    const auto base = ParseSegmentFileName(file.path.substr(slash + 1));
    if (base) partitions[file.path.substr(0, slash)][*base] = &file;
  }
  std::set<std::string> forged;
  for (const auto& [name, segments] : partitions) {
    for (auto segment = segments.begin(); segment != segments.end(); ++segment) {
      const auto next = std::next(segment);
      const Offset next_base =
          next == segments.end() ? Offset(std::numeric_limits<std::int64_t>::max()) : next->first;
      const auto bytes = std::as_bytes(std::span(segment->second->content));
      if (HoldsForgery(bytes, next_base)) forged.insert(name);
    }
  }
  return forged;
}

}  // namespace daybook::fuzz
