#include <algorithm>
#include <utility>

#include "log/partition_log.h"

// What a partition has open: the map of the segment that it appends to, those of sealed segments
// that somebody reads, some of others that somebody may read again, and a descriptor or two while
// its file grows or is synced.

namespace daybook::inline v1 {

OpenSegment* PartitionLog::FindSlot(Offset base) {
  const auto slot = std::lower_bound(
      segments_.begin(), segments_.end(), base,
      [](const OpenSegment& open, Offset offset) { return open.base_offset < offset; });
  return slot == segments_.end() || slot->base_offset != base ? nullptr : &*slot;
}

void PartitionLog::Opened(OpenSegment& slot) {
  slot.last_used = ++uses_;
  if (is_in_memory()) return;
  mapped_.push_back(slot.base_offset);
  limits_->maps_held.fetch_add(1, std::memory_order_relaxed);
  ReleaseIdle();
}

void PartitionLog::Unmap(OpenSegment& slot) {
  slot.segment = nullptr;
  std::erase(mapped_, slot.base_offset);
  limits_->maps_held.fetch_sub(1, std::memory_order_relaxed);
}

void PartitionLog::ReleaseIdle() {
  ReleaseForgotten();
  const OpenLimits& limits = *limits_;
  const auto allowed = static_cast<std::size_t>(
      limits.maps_held.load(std::memory_order_relaxed) > limits.many_maps ? limits.scarce_maps
                                                                          : limits.idle_maps);
  if (mapped_.size() <= allowed) return;
  // Somebody may look at what was the active segment, without a lock. Who looks counts itself, then
  // loads active_; here active_ was stored, and then they are counted: all of it sequentially
  // consistent, so whoever is not seen here sees an active segment that is not released here.
  if (lookers_.load() != 0) return;  // next time
  std::vector<OpenSegment*> open;
  for (const Offset base : mapped_) {
    OpenSegment* const slot = FindSlot(base);
    if (slot != nullptr && slot->segment != nullptr) open.push_back(slot);
  }
  std::sort(open.begin(), open.end(),
            [](const OpenSegment* a, const OpenSegment* b) { return a->last_used < b->last_used; });
  // Half of them, so that it is not done over again for each one.
  std::size_t to_release = mapped_.size() - allowed / 2;
  for (OpenSegment* slot : open) {
    if (to_release == 0) break;
    if (slot->last_used != uses_ && Release(*slot)) --to_release;
  }
}

bool PartitionLog::Release(OpenSegment& slot) {
  Segment& segment = *slot.segment;
  if (!IsOnlyOwner(slot.segment)) return false;  // read, or still to be tidied up
  if (!context_.is_read_only) {
    const auto sealed = segment.sealed_end();
    if (!sealed || segment.CommittedEnd() != *sealed) return false;
    slot.is_durable = slot.is_durable || segment.is_durable();
    // Says where the seal is. Once it is closed, the file may be another process's.
    if (!slot.is_durable && deleted_.ok()) segment.Checkpoint(context_.boot);
    if (slot.was_active) Retire(std::move(slot.segment));
  }
  Unmap(slot);
  return true;
}

void PartitionLog::Retire(std::shared_ptr<Segment> segment) {
  gates_left_.push_back(segment->TakeGate());
}

std::size_t PartitionLog::gates_left() {
  MutexLock lock(mutex_);
  return gates_left_.size();
}

void PartitionLog::CloseFileIfScarce(Segment& segment) {
  OpenLimits& limits = *limits_;
  if (!holds_file_ && segment.is_busy()) {
    holds_file_ = limits.files_held.fetch_add(1, std::memory_order_relaxed) < limits.files;
    if (!holds_file_) limits.files_held.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!holds_file_) segment.CloseFile();
}

}  // namespace daybook::inline v1
