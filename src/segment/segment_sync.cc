#include <algorithm>

#include "base/planted_bug.h"
#include "format/segment_header.h"
#include "segment/segment.h"

// What of a segment is on the disk, and the notes of it in its header page.

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kWriteStep = std::uint64_t{1} << 20;

}  // namespace

absl::Status Segment::Sync(Directory& directory, ClaimWord end, const BootId& boot) {
  const auto sealed = sealed_end();
  const auto opened = file_.Opened(directory);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<File> file = *opened;
  // A sealed segment has nothing left to write: its descriptor is not needed any more.
  if (sealed == end) file_.Close();
  if (IsPlanted(PlantedBug::kCheckpointAheadOfData)) WriteCheckpoint(boot, end);
  // Without the lock: appends go on meanwhile.
  absl::Status synced =
      WriteAgain(*file, PositionOf(end) + (sealed == end ? frame::kSealBytes : 0));
  if (synced.ok()) synced = file->Sync();
  {
    MutexLock lock(checkpoint_mutex_);
    checkpoint_.flags = synced.ok() ? 0 : frame::kSyncHasFailed;
  }
  if (!synced.ok()) {
    WriteCheckpoint(boot, std::nullopt);
    return synced;
  }
  if (sealed == end) {
    WriteCheckpoint(boot, end + MakeClaimWord(0, frame::kSealBytes));
    is_durable_.store(true, std::memory_order_relaxed);
  } else {
    WriteCheckpoint(boot, end);
  }
  return absl::OkStatus();
}

absl::Status Segment::WriteAgain(File& file, std::uint64_t until) {
  if (IsPlanted(PlantedBug::kRetriesFailedSync)) return absl::OkStatus();
  std::uint64_t position = frame::kSegmentHeaderBytes;
  {
    MutexLock lock(checkpoint_mutex_);
    if ((checkpoint_.flags & frame::kSyncHasFailed) == 0) return absl::OkStatus();
    position = std::max(position, checkpoint_.durable_position);
  }
  while (position < until) {
    const std::uint64_t bytes = std::min(kWriteStep, until - position);
    if (const auto status = file.WriteAt(position, {At(position), bytes}); !status.ok()) {
      return status;
    }
    position += bytes;
  }
  return absl::OkStatus();
}

Offset Segment::durable_end() const {
  MutexLock lock(checkpoint_mutex_);
  return checkpoint_.sequence == 0 ? base_offset() : Offset(checkpoint_.durable_offset);
}

void Segment::Checkpoint(const BootId& boot) { WriteCheckpoint(boot, std::nullopt); }

void Segment::WriteCheckpoint(const BootId& boot, std::optional<ClaimWord> durable) {
  if (is_in_memory_) return;
  ClaimWord committed = CommittedEnd();
  const auto sealed = sealed_end();
  if (sealed && committed == *sealed) committed += MakeClaimWord(0, frame::kSealBytes);
  MutexLock lock(checkpoint_mutex_);
  frame::CheckpointSlot slot = checkpoint_;
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
  frame::EncodeCheckpoint(slot, header_.segment_id, {file_.data(), frame::kSegmentHeaderBytes});
  checkpoint_ = slot;
}

}  // namespace daybook::inline v1
