#include "log/partition_log.h"

// Reading what another process writes. Records come by memory that both map, and need no looking
// for; what has to be looked for is whether the files are still those that are mapped: segments are
// added, dropped, and replaced by others of their name, and the process that writes may die.

namespace daybook::inline v1 {

void PartitionLog::Renew(OpenSegment& slot) {
  const std::uint64_t changes = follower_.changes();
  const auto directory = OpenDirectory();
  if (!directory.ok()) return;  // whoever opens a segment says why
  const auto is_same = slot.segment->Refresh(**directory);
  if (is_same.ok() && *is_same) {
    slot.seen_changes = changes;
  } else if (is_same.ok() || absl::IsNotFound(is_same.status())) {
    Unmap(slot);
    slot.times.reset();
  }
}

absl::StatusOr<bool> PartitionLog::LookAgain(Cursor& cursor, frame::FrameState state) {
  follower_.Look();
  if (is_deleted_.load(std::memory_order_relaxed)) {
    MutexLock lock(mutex_);
    return deleted_;
  }
  const std::uint64_t changes = follower_.changes();
  // A frame, or the rest of one, can lie in new blocks, of which nobody tells.
  const bool may_have_grown =
      state == frame::FrameState::kBad || !cursor.segment->Reaches(cursor.position);
  if (cursor.seen_changes == changes && !may_have_grown) return false;
  const auto directory = OpenDirectory();
  if (!directory.ok()) return directory.status();
  const auto is_same = cursor.segment->Refresh(**directory);
  if (!is_same.ok() && !absl::IsNotFound(is_same.status())) return is_same.status();
  cursor.seen_changes = changes;
  if (is_same.ok() && *is_same) return true;
  {
    MutexLock lock(mutex_);
    if (const auto status = ListSegments(**directory); !status.ok()) return status;
    OpenSegment* const slot = FindSlot(cursor.segment->base_offset());
    if (slot != nullptr && slot->segment == cursor.segment) Unmap(*slot);
  }
  cursor.segment = nullptr;
  cursor.batch = nullptr;
  if (const auto status = Place(cursor); !status.ok()) return status;
  return true;
}

absl::StatusOr<RecordBatch> PartitionLog::UnlessDeleted(absl::StatusOr<RecordBatch> batch) {
  // A topic that is deleted has lost its name before the first of its files goes.
  follower_.Look();
  if (!is_deleted_.load(std::memory_order_relaxed)) return batch;
  MutexLock lock(mutex_);
  return deleted_;
}

bool PartitionLog::PassDeadClaims(Segment& segment, std::uint64_t position) {
  if (segment.BehindDeadClaims(position)) return true;
  if (!follower_.WriterIsGone()) return false;
  // It is asked again behind the look: another process may have come meanwhile, and what is seen
  // may be its own.
  const auto frame = segment.FrameBehindClaims(position, context_.boot);
  if (!frame || !follower_.WriterIsGone()) return false;
  segment.TakeForDead(*frame);
  return true;
}

}  // namespace daybook::inline v1
