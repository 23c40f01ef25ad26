#include "fuzz/repair.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "base/checksum.h"
#include "base/is_zero.h"
#include "format/frame_codec.h"
#include "format/segment_header.h"
#include "segment/index/offset_index.h"

namespace daybook::fuzz {
namespace {

using frame::kFrameAlignment;
using frame::kFrameHeaderBytes;
using frame::kSegmentHeaderBytes;

template <typename Number>
Number Load(std::span<const std::byte> bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::span<std::byte> BytesOf(std::string* text) {
  return std::as_writable_bytes(std::span(text->data(), text->size()));
}

// Puts the hash of what begins at `body_at` into the 8 bytes at `hash_at`.
void RepairHash(std::string* file, std::size_t hash_at, std::size_t body_at) {
  if (file->size() < body_at) return;
  const std::uint64_t hash = Hash64(BytesOf(file).subspan(body_at));
  std::memcpy(file->data() + hash_at, &hash, sizeof hash);
}

}  // namespace

void RepairFrames(std::span<std::byte> segment, std::uint64_t segment_id) {
  const frame::SegmentBytes bytes{
      .bytes = segment, .segment_id = segment_id, .max_frame_bytes = frame::kMaxFrameBytes};
  std::uint64_t position = kSegmentHeaderBytes;
  while (position + kFrameHeaderBytes <= segment.size()) {
    const auto length_word = Load<std::uint32_t>(segment, position);
    frame::FrameHeader header;
    if (length_word == 0 || !frame::IsWellFormed(bytes, position, length_word, &header)) {
      position += kFrameAlignment;
      continue;
    }
    std::byte* const frame = segment.data() + position;
    const std::uint32_t checksum = frame::ChecksumOf(frame, length_word, position, segment_id);
    std::memcpy(frame + offsetof(frame::FrameHeader, checksum), &checksum, sizeof checksum);
    position += frame::AlignedLength(frame::LengthOf(length_word));
  }
}

void RepairSegmentFile(std::span<std::byte> file) {
  if (file.size() < kSegmentHeaderBytes) return;
  const std::span<std::byte> page = file.first(kSegmentHeaderBytes);
  const auto header = Load<frame::SegmentHeader>(page, 0);
  const std::uint64_t id = header.segment_id;
  if (!IsZero(page.first(sizeof header))) frame::EncodeSegmentHeader(header, page);
  for (const std::uint64_t position : frame::kCheckpointPositions) {
    const std::span<std::byte> slot = page.subspan(position, sizeof(frame::CheckpointSlot));
    if (IsZero(slot)) continue;
    constexpr std::size_t kChecked = offsetof(frame::CheckpointSlot, checksum);
    const std::uint32_t checksum = Checksum32(Hash64(slot.first(kChecked)), id);
    std::memcpy(slot.data() + kChecked, &checksum, sizeof checksum);
  }
  const auto bound = Load<std::uint64_t>(page, frame::kClaimBoundPosition);
  if (bound != 0) frame::EncodeClaimBound((bound & 0xffff'ffff) * kFrameAlignment, id, page);
  RepairFrames(file, id);
}

// The part with the places of frames; what stands behind it goes.
void RepairIndexFile(std::string* file) {
  file->resize(OffsetIndex::FileBytes(*file));
  RepairHash(file, 24, 32);
}

void RepairDictionaryFile(std::string* file) { RepairHash(file, 8, 16); }

void RepairPropertiesFile(std::string* file) {
  const std::size_t at = file->rfind("checksum=");
  if (at == std::string::npos) return;
  file->resize(at);
  *file += absl::StrFormat("checksum=%016x\n", Hash64(BytesOf(file)));
}

void RepairFile(std::string_view name, std::string* file) {
  if (name.ends_with(".log")) RepairSegmentFile(BytesOf(file));
  if (name.ends_with(".index")) RepairIndexFile(file);
  if (name.ends_with(".topic") || name.ends_with(".properties")) RepairPropertiesFile(file);
  if (name.find(".dictionary-") != std::string_view::npos) RepairDictionaryFile(file);
}

}  // namespace daybook::fuzz
