#include "fuzz/forgery.h"

#include <span>
#include <string_view>

#include "format/scan.h"
#include "format/segment_header.h"

namespace daybook::fuzz {
namespace {

bool HoldsForgery(std::span<const std::byte> bytes) {
  bytes = bytes.first(bytes.size() / frame::kFrameAlignment * frame::kFrameAlignment);
  if (bytes.size() < frame::kSegmentHeaderBytes) return false;
  const auto header = frame::DecodeSegmentHeader(bytes.first(frame::kSegmentHeaderBytes));
  if (!header.ok()) return false;
  const frame::SegmentBytes segment{
      .bytes = bytes, .segment_id = header->segment_id, .max_frame_bytes = header->max_frame_bytes};
  std::set<std::uint64_t> walked;
  const frame::ScanResult scan = frame::Scan(
      segment, {},
      [&](std::uint64_t position, const frame::FrameHeader&) { walked.insert(position); });
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
  std::set<std::string> forged;
  for (const FileImage& file : image.files) {
    const std::size_t slash = file.path.find('/');
    if (slash == file.path.npos || !std::string_view(file.path).ends_with(".log")) continue;
    if (HoldsForgery(std::as_bytes(std::span(file.content)))) {
      forged.insert(file.path.substr(0, slash));
    }
  }
  return forged;
}

}  // namespace daybook::fuzz
