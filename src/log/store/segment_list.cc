#include "log/store/segment_list.h"

#include <algorithm>
#include <utility>

namespace daybook::inline v1 {

SegmentList::~SegmentList() {
  if (limits_ == nullptr) return;
  MutexLock lock(mutex_);
  limits_->maps_held.fetch_sub(static_cast<std::int64_t>(mapped_.size()),
                               std::memory_order_relaxed);
  if (holds_file_) limits_->files_held.fetch_sub(1, std::memory_order_relaxed);
}

std::size_t SegmentList::IndexFrom(Offset offset) const {
  const auto from = std::lower_bound(
      slots_.begin(), slots_.end(), offset,
      [](const SegmentSlot& slot, Offset wanted) { return slot.base_offset < wanted; });
  return static_cast<std::size_t>(from - slots_.begin());
}

std::size_t SegmentList::IndexAbove(Offset offset) const {
  const auto above = std::upper_bound(
      slots_.begin(), slots_.end(), offset,
      [](Offset wanted, const SegmentSlot& slot) { return wanted < slot.base_offset; });
  return static_cast<std::size_t>(above - slots_.begin());
}

SegmentSlot* SegmentList::Find(Offset base) {
  const std::size_t index = IndexFrom(base);
  return index == slots_.size() || slots_[index].base_offset != base ? nullptr : &slots_[index];
}

void SegmentList::Insert(Offset base) {
  const std::size_t above = IndexAbove(base);
  if (above != 0 && slots_[above - 1].base_offset == base) return;
  // One that was made while the directory was listed can come later than those behind it.
  slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(above), {.base_offset = base});
  first_uncommitted_ = std::min(first_uncommitted_, above);
}

void SegmentList::ReserveOne() {
  if (slots_.size() == slots_.capacity()) slots_.reserve(2 * slots_.size() + 4);
}

void SegmentList::Remove(std::size_t first, std::size_t last) {
  const auto begin = slots_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = slots_.begin() + static_cast<std::ptrdiff_t>(last);
  for (auto slot = begin; slot != end; ++slot) {
    if (slot->segment == nullptr || limits_ == nullptr) continue;
    slot->segment->file().Close();
    if (slot->was_active) removed_.push_back(slot->segment);
    Unmap(*slot);
  }
  slots_.erase(begin, end);
  ++removals_;
  if (first_uncommitted_ > first) first_uncommitted_ -= std::min(first_uncommitted_, last) - first;
}

void SegmentList::Adopt(std::vector<SegmentSlot> slots) {
  slots_ = std::move(slots);
  for (SegmentSlot& slot : slots_) {
    if (slot.segment != nullptr) NoteMapped(slot);
  }
}

void SegmentList::NoteMapped(SegmentSlot& slot) {
  Touch(slot);
  if (limits_ == nullptr) return;
  mapped_.push_back(slot.base_offset);
  limits_->maps_held.fetch_add(1, std::memory_order_relaxed);
  UnmapIdle();
}

void SegmentList::Unmap(SegmentSlot& slot) {
  slot.segment = nullptr;
  std::erase(mapped_, slot.base_offset);
  limits_->maps_held.fetch_sub(1, std::memory_order_relaxed);
}

void SegmentList::UnmapIdle() {
  ReleaseRemoved();
  const OpenLimits& limits = *limits_;
  const auto allowed = static_cast<std::size_t>(
      limits.maps_held.load(std::memory_order_relaxed) > limits.many_maps ? limits.scarce_maps
                                                                          : limits.idle_maps);
  if (mapped_.size() <= allowed) return;
  // A reader without the lock counts itself, then loads the active segment; here the active segment
  // was stored, and then readers are counted: all of it sequentially consistent, so a reader that
  // is not seen here sees an active segment that is not unmapped here.
  if (lock_free_readers_.load() != 0) return;  // next time
  std::vector<SegmentSlot*> mapped;
  for (const Offset base : mapped_) {
    SegmentSlot* const slot = Find(base);
    if (slot != nullptr && slot->segment != nullptr) mapped.push_back(slot);
  }
  std::sort(mapped.begin(), mapped.end(),
            [](const SegmentSlot* a, const SegmentSlot* b) { return a->last_used < b->last_used; });
  // Half of them, so that this is not done again for each one.
  std::size_t to_unmap = mapped_.size() - allowed / 2;
  for (SegmentSlot* slot : mapped) {
    if (to_unmap == 0) break;
    if (slot->last_used != uses_ && UnmapIfUnused(*slot)) --to_unmap;
  }
}

bool SegmentList::UnmapIfUnused(SegmentSlot& slot) {
  // Otherwise it is read, or still to be trimmed.
  if (!IsOnlyOwner(slot.segment) || !MayUnmap(slot)) return false;
  if (slot.was_active) gates_left_.push_back(slot.segment->TakeGate());
  Unmap(slot);
  return true;
}

void SegmentList::CloseFileIfScarce(Segment& segment) {
  if (limits_ == nullptr) return;
  if (!holds_file_ && segment.file().is_busy()) {
    holds_file_ = limits_->files_held.fetch_add(1, std::memory_order_relaxed) < limits_->files;
    if (!holds_file_) limits_->files_held.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!holds_file_) segment.file().Close();
}

void SegmentList::ReleaseRemoved() {
  if (removed_.empty() || lock_free_readers_.load() != 0) return;  // UnmapIdle says why
  std::vector<std::shared_ptr<Segment>> removed;
  removed.swap(removed_);
  for (std::shared_ptr<Segment>& segment : removed) {
    if (IsOnlyOwner(segment)) {
      gates_left_.push_back(segment->TakeGate());
    } else {
      removed_.push_back(std::move(segment));
    }
  }
}

}  // namespace daybook::inline v1
