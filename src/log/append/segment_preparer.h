#ifndef DAYBOOK_LOG_APPEND_SEGMENT_PREPARER_H_
#define DAYBOOK_LOG_APPEND_SEGMENT_PREPARER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "log/log_context.h"
#include "log/store/partition_directory.h"
#include "log/store/segment_list.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// What is done ahead of the appends of one log and behind them, mostly in a thread of its own:
// pages are brought into memory, the next segment's file is made, sealed segments are trimmed. Page
// faults are half of the cost of an append into fresh file pages, and making a file of 64 MiB costs
// as much as thousands of appends; neither is to be waited for by a thread that appends.
//
// mutex() is held while files are made or changed ahead of the appends, so that Close can wait for
// that; it comes before the mutex of the SegmentList, which guards the rest and is passed as such
// by those who hold it.
class SegmentPreparer {
 public:
  // All must outlive this.
  SegmentPreparer(const LogContext& context, const PartitionDirectory& directory,
                  const LogSettings& settings)
      : context_(context), directory_(directory), settings_(settings) {}

  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // One thing that an append to `active` would run into; true when something was done.
  // `between`: called before, with no lock that an append takes.
  bool WorkAheadOf(SegmentList& segments, const std::shared_ptr<Segment>& active)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) ABSL_LOCKS_EXCLUDED(segments.mutex());
  // Trims a segment that waits for it; false if there is none.
  bool TrimOne(SegmentList& segments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_)
      ABSL_LOCKS_EXCLUDED(segments.mutex());
  // Trims all that wait for it, and removes the file that was prepared. When there are no more
  // appends.
  void Finish(SegmentList& segments) ABSL_LOCKS_EXCLUDED(mutex_, segments.mutex());

  // An append has extended the active segment; true: soon after the time before.
  bool NoteExtension(SegmentList& segments, Timestamp now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // To be trimmed by TrimOne, or at once.
  void TrimLater(SegmentList& segments, std::shared_ptr<Segment> segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  void Trim(Segment& segment);
  // It is off the list, and need not be trimmed any more.
  void Forget(SegmentList& segments, const std::shared_ptr<Segment>& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  // The file of the next segment, made ahead; null if there is none.
  bool has_prepared(SegmentList& segments) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  std::unique_ptr<PreparedFile> TakePrepared(SegmentList& segments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  // Of a log with LogSettings::reserve_bytes: makes the next file ahead, with blocks for at least
  // so many bytes. `active`: null if there is none.
  void KeepReserve(SegmentList& segments, const Segment* active, std::uint64_t least_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // The next time that the disk is full, appends fail.
  bool lacks_reserve() const { return lacks_reserve_.load(std::memory_order_relaxed); }

 private:
  bool pages_in() const { return settings_.durability != Durability::kDisk; }
  bool Prepare(SegmentList& segments, const Segment& active, const PrepareOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) ABSL_LOCKS_EXCLUDED(segments.mutex());

  const LogContext& context_;
  const PartitionDirectory& directory_;
  const LogSettings& settings_;
  Mutex mutex_{LockOrder::kSegmentPreparer};
  std::atomic<bool> lacks_reserve_{true};
  std::vector<std::shared_ptr<Segment>> to_trim_;
  std::unique_ptr<PreparedFile> prepared_;
  std::optional<Offset> unprepared_;  // the segment where that failed
  // When the active segment was last extended, and how long after the time before.
  Timestamp last_extension_;
  std::chrono::nanoseconds extension_interval_ = std::chrono::nanoseconds::max();
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_SEGMENT_PREPARER_H_
