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
namespace {

constexpr std::chrono::seconds kSyncTimeout{30};

}  // namespace

std::size_t PartitionLog::FirstToKeep(Offset offset) {
  PassCommitted().IgnoreError();  // a writer has open what it wrote
  std::size_t first = 0;
  // What is committed to its seal, and not the last one; the one behind it has a record.
  while (first < first_uncommitted_ && segments_[first + 1].base_offset <= offset) ++first;
  return first;
}

void PartitionLog::Forget(std::size_t first, std::size_t last) {
  const auto begin = segments_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = segments_.begin() + static_cast<std::ptrdiff_t>(last);
  for (auto slot = begin; slot != end; ++slot) {
    std::erase(untidy_, slot->segment);
    if (slot->segment == nullptr || is_in_memory()) continue;
    slot->segment->CloseFile();
    if (slot->was_active) forgotten_.push_back(slot->segment);
    Unmap(*slot);
  }
  segments_.erase(begin, end);
  if (first_uncommitted_ > first) first_uncommitted_ -= std::min(first_uncommitted_, last) - first;
}

void PartitionLog::ForgetReplaced(Offset base_offset) {
  if (is_in_memory() || segments_.empty() || segments_.back().base_offset != base_offset) return;
  Forget(segments_.size() - 1, segments_.size());
}

void PartitionLog::ReleaseForgotten() {
  if (forgotten_.empty() || lookers_.load() != 0) return;  // ReleaseIdle says why
  std::vector<std::shared_ptr<Segment>> forgotten;
  forgotten.swap(forgotten_);
  for (std::shared_ptr<Segment>& segment : forgotten) {
    if (IsOnlyOwner(segment)) {
      Retire(std::move(segment));
    } else {
      forgotten_.push_back(std::move(segment));
    }
  }
}

absl::Status PartitionLog::RemoveDroppedFiles() {
  if (dropped_files_.empty()) return absl::OkStatus();
  // Nobody tidies one of them up meanwhile, which would make its index anew.
  MutexLock ahead_lock(ahead_mutex_);
  {
    // Once the topic is deleted, another one may have the name; who deletes it waits for us here.
    MutexLock lock(mutex_);
    if (const auto status = WritableStatus(); !status.ok()) return status;
  }
  const auto directory = OpenDirectory();
  if (!directory.ok()) return directory.status();
  while (!dropped_files_.empty()) {
    const Offset base = dropped_files_.front();
    // It may have none of these.
    (*directory)->RemoveFile(SegmentFileName(base, ".index")).IgnoreError();
    (*directory)->RemoveFile(SegmentFileName(base, ".producers")).IgnoreError();
    const auto removed = (*directory)->RemoveFile(SegmentFileName(base, ".log"));
    // It is gone already if the last call failed after this.
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    if (const auto status = (*directory)->Sync(); !status.ok()) return status;
    dropped_files_.erase(dropped_files_.begin());
  }
  return absl::OkStatus();
}

absl::Status PartitionLog::DropBefore(Offset offset) {
  offset = std::min(offset, FirstUndecided());
  MutexLock drop_lock(drop_mutex_);
  std::optional<Offset> begin;
  {
    MutexLock lock(mutex_);
    if (const auto status = WritableStatus(); !status.ok()) return status;
    if (const auto status = EnsureOpen(); !status.ok()) return status;
    const auto end = EndOffsetLocked();
    if (!end.ok()) return end.status();
    const std::size_t keep = FirstToKeep(std::min(offset, Offset(end->value() - 1)));
    if (keep != 0) begin = segments_[keep].base_offset;
  }
  if (begin && !is_in_memory()) {
    const auto deadline = DeadlineAfter(kSyncTimeout);
    if (const auto status = WaitDurable(*begin + 1, deadline); !status.ok()) return status;
  }
  if (begin) {
    MutexLock lock(mutex_);
    for (const OpenSegment& slot : segments_) {
      if (slot.base_offset < *begin && !is_in_memory()) dropped_files_.push_back(slot.base_offset);
    }
    // Appends to a full memory topic may have dropped it meanwhile, and more.
    const auto keep = std::lower_bound(
        segments_.begin(), segments_.end(), *begin,
        [](const OpenSegment& slot, Offset base) { return slot.base_offset < base; });
    Forget(0, static_cast<std::size_t>(keep - segments_.begin()));
    ReleaseForgotten();
    room_.NotifyAll();
  }
  if (const auto status = RemoveDroppedFiles(); !status.ok()) return status;
  MutexLock lock(mutex_);
  KeepReserve(settings_.least_reserve_bytes());
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
