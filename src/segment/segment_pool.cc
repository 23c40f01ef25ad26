#include "segment/segment_pool.h"

#include <utility>

namespace daybook::inline v1 {

absl::StatusOr<Segment*> SegmentPool::TakeFree() {
  MutexLock lock(mutex_);
  if (free_.empty()) {
    auto made = Segment::CreateInMemory(name_, segment_bytes_, max_frame_bytes_);
    if (!made.ok()) return made.status();
    all_.push_back(*std::move(made));
    free_.push_back(all_.back().get());
  }
  // The one that came back last: most of it is still in the cache.
  Segment* segment = free_.back();
  free_.pop_back();
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> SegmentPool::Take(Offset base_offset, Timestamp now) {
  const auto segment = TakeFree();
  if (!segment.ok()) return segment.status();
  (*segment)->Recycle(base_offset, now);
  return std::shared_ptr<Segment>(
      *segment, [pool = shared_from_this()](Segment* unused) { pool->GiveBack(unused); });
}

std::size_t SegmentPool::size() {
  MutexLock lock(mutex_);
  return all_.size();
}

void SegmentPool::GiveBack(Segment* segment) {
  MutexLock lock(mutex_);
  free_.push_back(segment);
}

}  // namespace daybook::inline v1
