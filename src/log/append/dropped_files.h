#ifndef DAYBOOK_LOG_APPEND_DROPPED_FILES_H_
#define DAYBOOK_LOG_APPEND_DROPPED_FILES_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "log/store/partition_directory.h"
#include "segment/replace/replacement.h"

namespace daybook::inline v1 {

// The files of segments that a log has replaced by others, or dropped from its beginning, and that
// are still to be removed. Dropped ones go one by one, the first one first, and each removal is
// durable before the next: a power cut may bring some of them back, but never leaves a hole.
// Replaced ones go together: the marker of what replaces them makes them void until they are gone.
//
// mutex() is held for the whole of one drop; it comes before all other locks of the log but that of
// ProducerSequences.
class DroppedFiles {
 public:
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  bool empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return bases_.empty() && replaced_.empty();
  }
  // Those that it replaces; it is in place. They go before any that are dropped: without it, they
  // would come back.
  void Add(const Replacement& replacement) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    replaced_.push_back(replacement);
  }
  // Behind those that were added before.
  void Add(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { bases_.push_back(base); }
  // After an error the next call goes on.
  absl::Status RemoveAll(const PartitionDirectory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  Mutex mutex_{LockOrder::kDroppedFiles};
  std::vector<Replacement> replaced_ ABSL_GUARDED_BY(mutex_);
  std::vector<Offset> bases_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_DROPPED_FILES_H_
