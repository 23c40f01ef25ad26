#ifndef DAYBOOK_SEGMENT_INDEX_SEGMENT_TIMES_H_
#define DAYBOOK_SEGMENT_INDEX_SEGMENT_TIMES_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"
#include "segment/claim_word.h"
#include "segment/index/time_index.h"

namespace daybook::inline v1 {

class Segment;

// The timestamps of the records of a segment, for who looks for a time. Thread-safe.
//
// Appends do no more than to note that some records have times of their own. Where none has, times
// are those of the appends, which are in order. Where some have, a walk over the frames says
// what there is: of each frame once, when a time is looked for, or when the segment is sealed and
// its index is written. What was there when the segment was opened is walked over as well, unless
// the index beside it says what there is.
class SegmentTimes {
 public:
  // Before the record is committed.
  void NoteOwn() {
    if (!has_own_.load(std::memory_order_relaxed)) [[unlikely]]
      has_own_.store(true, std::memory_order_relaxed);
  }

  // All frames of the segment are appended by this process. Before that.
  void BeginAnew() ABSL_LOCKS_EXCLUDED(mutex_);
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether some record before `end`, how far all is committed, has a time of its own.
  bool HasOwn(Segment& segment, ClaimWord end) ABSL_LOCKS_EXCLUDED(mutex_);
  // If so, the first frame at or after `from` and before `end` with a record of that time or later.
  std::optional<ClaimWord> Find(Segment& segment, Timestamp time, ClaimWord from, ClaimWord end)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What there is in a segment that is sealed, and all of which is committed; absent if it is not.
  std::optional<TimeSummary> Learn(Segment& segment) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, but only if all its frames were appended here, and some have times of their own: for
  // when they are still in the cache.
  void LearnOfAppends(Segment& segment) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same from the files of a segment, if its index says so.
  static std::optional<TimeSummary> Read(Directory& directory, Offset base_offset);
  // What stands in the index file of a segment; empty if that is not known without a walk.
  std::string Encode(Segment& segment) ABSL_LOCKS_EXCLUDED(mutex_);
  // From there, for a sealed segment.
  absl::Status Load(Segment& segment, std::string_view encoded) ABSL_LOCKS_EXCLUDED(mutex_);
  // True when all of a sealed segment is known, and its index file does not say so.
  bool is_news() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Walks up to `end`, how far all is committed, where that may tell something.
  void LearnTo(Segment& segment, ClaimWord end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // All is appended here, and nothing has a time of its own.
  bool is_plain() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_made_here_ && !has_own_.load(std::memory_order_relaxed);
  }

  std::atomic<bool> has_own_{false};  // of what this process appended
  mutable Mutex mutex_;
  bool is_made_here_ ABSL_GUARDED_BY(mutex_) = false;
  TimeIndex index_ ABSL_GUARDED_BY(mutex_);
  ClaimWord known_end_ ABSL_GUARDED_BY(mutex_) = kFirstFrame;  // of what index_ has
  bool is_stored_ ABSL_GUARDED_BY(mutex_) = false;             // in the index file
  bool is_complete_ ABSL_GUARDED_BY(mutex_) = false;           // to the seal
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_SEGMENT_TIMES_H_
