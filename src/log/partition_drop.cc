#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/deadline.h"
#include "log/partition_log.h"

// Dropping segments from the beginning of a log.
//
// Their files go one by one, the first one first, and each removal is durable before the next: a
// power cut may bring some of them back, but never leaves a hole. Before the first goes, all of
// them and the segment that the log begins with then are made durable: what is durable is always a
// beginning, also of what a power cut brings back, and the log does not begin anew at offset 0 when
// the power takes all that was not. Mostly they have been for long.

namespace daybook::inline v1 {
std::size_t PartitionLog::FirstToKeep(Offset offset) {
  segments_.PassCommitted().IgnoreError();  // a writer has open what it wrote
  std::size_t first = 0;
  // What is committed to its seal, and not the last one; the one behind it has a record.
  while (first < segments_.first_uncommitted() && segments_.SlotAt(first + 1).base_offset <= offset)
    ++first;
  return first;
}

void PartitionLog::Forget(std::size_t first, std::size_t last) {
  for (std::size_t i = first; i != last; ++i)
    files_.preparer().Forget(segments_, segments_.SlotAt(i).segment);
  segments_.Remove(first, last);
}

absl::Status PartitionLog::CheckHasDirectory() {
  MutexLock lock(segments_.mutex());
  return segments_.WritableStatus();
}

absl::Status PartitionLog::RemoveDroppedFiles() {
  if (dropped_files_.empty()) return absl::OkStatus();
  // Nobody tidies one of them up meanwhile, which would make its index anew.
  MutexLock ahead_lock(files_.preparer().mutex());
  if (const auto status = CheckHasDirectory(); !status.ok()) return status;
  return dropped_files_.RemoveAll(segments_.directory());
}

absl::Status PartitionLog::DropBefore(Offset offset) {
  offset = std::min(offset, reader_.transactions().FirstUndecided());
  MutexLock drop_lock(dropped_files_.mutex());
  std::optional<Offset> begin;
  {
    MutexLock lock(segments_.mutex());
    if (const auto status = segments_.WritableStatus(); !status.ok()) return status;
    if (const auto status = segments_.EnsureOpen(); !status.ok()) return status;
    const auto end = segments_.EndOffsetLocked();
    if (!end.ok()) return end.status();
    const std::size_t keep = FirstToKeep(std::min(offset, Offset(end->value() - 1)));
    if (keep != 0) begin = segments_.SlotAt(keep).base_offset;
  }
  if (begin && segments_.has_files()) {
    const auto deadline = DeadlineAfter(kSyncTimeout);
    if (const auto status = WaitDurable(*begin + 1, deadline); !status.ok()) return status;
  }
  if (begin) {
    MutexLock lock(segments_.mutex());
    for (const SegmentSlot& slot : segments_.slots()) {
      if (slot.base_offset < *begin && segments_.has_files()) dropped_files_.Add(slot.base_offset);
    }
    // Appends to a full memory topic may have dropped it meanwhile, and more.
    Forget(0, segments_.IndexFrom(*begin));
    segments_.ReleaseRemoved();
    if (memory_ != nullptr) memory_->Changed();
  }
  if (const auto status = RemoveDroppedFiles(); !status.ok()) return status;
  MutexLock lock(segments_.mutex());
  KeepReserve(settings_.least_reserve_bytes());
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
