#ifndef DAYBOOK_SEGMENT_INDEX_SEGMENT_INDEX_H_
#define DAYBOOK_SEGMENT_INDEX_SEGMENT_INDEX_H_

#include <atomic>
#include <cstdint>

#include "daybook/system/file_system.h"
#include "segment/index/offset_index.h"
#include "segment/index/segment_times.h"

namespace daybook::inline v1 {

class Segment;

// What is known of where in a segment offsets and times are, and the file beside a sealed segment
// that keeps it. All of it is a hint: where it is missing, look-ups walk over frames, and fill it
// as they go. Thread-safe.
class SegmentIndex {
 public:
  explicit SegmentIndex(std::uint64_t capacity) : offsets_(capacity) {}

  OffsetIndex& offsets() { return offsets_; }
  const OffsetIndex& offsets() const { return offsets_; }
  SegmentTimes& times() { return times_; }

  // Whether there is nothing more to be had from a file.
  bool is_loaded() const { return is_loaded_.load(std::memory_order_relaxed); }
  void MarkLoaded() { is_loaded_.store(true, std::memory_order_relaxed); }

  // For a segment found sealed: takes in the file beside it, once, if there is a good one.
  void Load(Segment& segment, Directory& directory);
  // Of a sealed segment: leaves what is known beside it. Errors leave no file.
  void Save(Segment& segment, Directory& directory);

  // All frames of the segment are appended by this process from now on. Nobody else may use the
  // index meanwhile.
  void BeginAnew() {
    offsets_.Clear();
    times_.BeginAnew();
    MarkLoaded();
  }

 private:
  OffsetIndex offsets_;
  std::atomic<bool> is_loaded_{false};
  SegmentTimes times_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_SEGMENT_INDEX_H_
