#include "log/append/segment_syncer.h"

#include <utility>
#include <vector>

#include "base/planted_bug.h"

namespace daybook::inline v1 {

absl::StatusOr<std::shared_ptr<Segment>> SegmentSyncer::SegmentToSync(const SegmentSlot& listed) {
  if (listed.segment != nullptr) return listed.segment;
  // The one that readers get, too: of two for one file each would write over what the other notes.
  MutexLock lock(segments_.mutex());
  const std::size_t index = segments_.IndexFrom(listed.base_offset);  // nothing is dropped before
  if (segments_.SlotAt(index).was_active && !listed.was_active) return nullptr;
  return segments_.OpenAt(index);
}

SyncableLog::Synced SegmentSyncer::Sync(Offset durable_end) {
  std::vector<SegmentSlot> slots;
  std::uint64_t names = 0;
  {
    MutexLock lock(segments_.mutex());
    for (std::size_t i = segments_.IndexFrom(first_undurable_); i < segments_.size(); ++i) {
      if (!IsDurable(segments_.SlotAt(i))) slots.push_back(segments_.SlotAt(i));
    }
    names = segments_.added();
  }
  if (slots.empty()) return {durable_end};
  const auto directory = segments_.directory().Open();
  if (!directory.ok()) return {directory.status()};
  if (IsPlanted(PlantedBug::kSyncsLastSegmentAlone)) slots.erase(slots.begin(), slots.end() - 1);
  // Before the segments, which note in their own pages that they are durable: the next process of
  // this boot believes that, and their names have to be, too, by then. An empty segment may have
  // been replaced by another one of its name, so offsets do not tell what is new.
  if (durable_names_ != names && !IsPlanted(PlantedBug::kNoDirectorySync)) {
    absl::Status status = (*directory)->Sync();
    if (!durable_names_) status.Update(segments_.directory().SyncName());
    if (!status.ok()) return {status, /*disk_failed=*/true};
    durable_names_ = names;
  }
  for (const SegmentSlot& slot : slots) {
    auto opened = SegmentToSync(slot);
    // There is nothing in it to be synced: a reader that comes to it is told that it is damaged.
    if (absl::IsDataLoss(opened.status())) continue;
    if (!opened.ok()) return {opened.status()};
    const std::shared_ptr<Segment> segment = *std::move(opened);
    if (segment == nullptr) break;  // the next time
    first_undurable_ = slot.base_offset;
    const ClaimWord end = segment->CommittedEnd();
    // No descriptor to sync with says nothing about the disk.
    const auto file = segment->file().Opened(**directory);
    if (!file.ok()) return {file.status()};
    if (auto status = segment->Sync(**directory, end, segments_.context().boot); !status.ok()) {
      return {std::move(status), /*disk_failed=*/true};
    }
    {
      MutexLock lock(segments_.mutex());  // no append is in need of the descriptor now
      segments_.CloseFileIfScarce(*segment);
    }
    durable_end = segment->base_offset() + RecordsOf(end);
    // One without a record may be replaced by another one of this base.
    if (segment->is_durable() && RecordsOf(end) != 0) {
      first_undurable_ = first_undurable_ + 1;
      MutexLock lock(segments_.mutex());
      // One that is durable may be replaced from then on.
      if (SegmentSlot* const there = segments_.Find(slot.base_offset)) there->is_durable = true;
    }
    if (segment->sealed_end() && end != segment->sealed_end()) break;  // open claims
  }
  return {durable_end};
}

}  // namespace daybook::inline v1
