#ifndef DAYBOOK_SEGMENT_SEGMENT_POOL_H_
#define DAYBOOK_SEGMENT_SEGMENT_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// The segments in memory of one partition. One comes back by itself when the last reference to it
// goes, and is then used again. None is destroyed before the pool and all references are gone.
// Thread-safe.
class SegmentPool : public std::enable_shared_from_this<SegmentPool> {
 public:
  SegmentPool(PartitionName name, std::uint64_t segment_bytes, std::uint32_t max_frame_bytes)
      : name_(std::move(name)), segment_bytes_(segment_bytes), max_frame_bytes_(max_frame_bytes) {}

  // An empty segment that begins at `base_offset`. ResourceExhausted: no memory.
  absl::StatusOr<std::shared_ptr<Segment>> Take(Offset base_offset, Timestamp now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // How many there are, in use or not.
  std::size_t size() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<Segment*> TakeFree() ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(Segment* segment) ABSL_LOCKS_EXCLUDED(mutex_);

  const PartitionName name_;
  const std::uint64_t segment_bytes_;
  const std::uint32_t max_frame_bytes_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Segment>> all_ ABSL_GUARDED_BY(mutex_);
  std::vector<Segment*> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_POOL_H_
