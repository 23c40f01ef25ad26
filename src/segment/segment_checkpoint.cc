#include "segment/segment_checkpoint.h"

#include <algorithm>

namespace daybook::inline v1 {

frame::CheckpointSlot SegmentCheckpoint::LatestInPage() const {
  return frame::LatestCheckpoint(page(), header_.segment_id, header_.capacity);
}

std::optional<ClaimWord> SegmentCheckpoint::Load(const BootId& boot) {
  MutexLock lock(mutex_);
  const frame::CheckpointSlot slot = LatestInPage();
  if (slot.sequence == 0) return std::nullopt;
  slot_ = slot;
  const bool is_same_boot = slot.boot_id == boot;
  const std::int64_t offset = is_same_boot ? slot.committed_offset : slot.durable_offset;
  return MakeClaimWord(static_cast<std::uint64_t>(offset - header_.base_offset),
                       is_same_boot ? slot.committed_position : slot.durable_position);
}

void SegmentCheckpoint::Write(const BootId& boot, ClaimWord committed,
                              std::optional<ClaimWord> durable) {
  MutexLock lock(mutex_);
  frame::CheckpointSlot slot = slot_;
  if (slot.sequence == 0) {
    slot.durable_position = frame::kSegmentHeaderBytes;
    slot.durable_offset = header_.base_offset;
  }
  ++slot.sequence;
  if (durable && PositionOf(*durable) > slot.durable_position) {
    slot.durable_position = PositionOf(*durable);
    slot.durable_offset = header_.base_offset + RecordsOf(*durable);
  }
  slot.committed_position = PositionOf(committed);
  slot.committed_offset = header_.base_offset + RecordsOf(committed);
  if (slot.committed_position < slot.durable_position) {
    slot.committed_position = slot.durable_position;
    slot.committed_offset = slot.durable_offset;
  }
  slot.boot_id = boot;
  frame::EncodeCheckpoint(slot, header_.segment_id, page());
  slot_ = slot;
}

void SegmentCheckpoint::NoteSync(bool has_failed) {
  MutexLock lock(mutex_);
  slot_.flags = has_failed ? frame::kSyncHasFailed : 0;
}

std::optional<std::uint64_t> SegmentCheckpoint::UnsyncedFrom() const {
  MutexLock lock(mutex_);
  if ((slot_.flags & frame::kSyncHasFailed) == 0) return std::nullopt;
  return std::max(frame::kSegmentHeaderBytes, slot_.durable_position);
}

Offset SegmentCheckpoint::durable_end() const {
  MutexLock lock(mutex_);
  return Offset(slot_.sequence == 0 ? header_.base_offset : slot_.durable_offset);
}

void SegmentCheckpoint::NoteFoundSeal(std::uint64_t position) {
  MutexLock lock(mutex_);
  is_durable_.store(slot_.durable_position == position, std::memory_order_relaxed);
}

bool SegmentCheckpoint::IsOfBoot(const BootId& boot) const {
  MutexLock lock(mutex_);
  const frame::CheckpointSlot slot = LatestInPage();
  return slot.sequence != 0 && slot.boot_id == boot;
}

std::uint64_t SegmentCheckpoint::KnownEnd(const BootId& boot) const {
  MutexLock lock(mutex_);
  const frame::CheckpointSlot slot = LatestInPage();
  return slot.boot_id == boot ? slot.committed_position : slot.durable_position;
}

}  // namespace daybook::inline v1
