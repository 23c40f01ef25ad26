#ifndef DAYBOOK_SEGMENT_SEGMENT_FILE_H_
#define DAYBOOK_SEGMENT_SEGMENT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "daybook/system/file_system.h"
#include "segment/claim_gate.h"
#include "segment/prepared_file.h"
#include "segment/segment_steps.h"

namespace daybook::inline v1 {

// The file of a segment and its map: how the file grows, is brought into memory, let go and
// trimmed. Thread-safe. Of memory in place of a file it is the map alone.
//
// It is the one owner of all that changes the size of the file, and of all that is written behind
// the appends. One descriptor is open, if any is, and growth_mutex_ is held over every allocation:
// what one of two allocations of a file gains, the other one, failing, would give back. Whoever is
// asked to do something looks again under the lock whether it is still to be done: a segment that
// was picked to be worked on may be sealed by then, or have grown.
class SegmentFile {
 public:
  struct Identity {
    const std::string& path;         // outlives it
    std::string_view name() const {  // in its directory
      return std::string_view(path).substr(path.rfind('/') + 1);
    }
    std::uint64_t segment_id = 0;
    std::uint64_t capacity = 0;
  };
  SegmentFile(Identity identity, PreparedFile file, const SegmentSteps& steps, ClaimGate* gate);

  std::byte* data() const { return data_; }
  // Frames other than the seal end at or before it.
  std::uint64_t limit() const { return limit_.load(std::memory_order_acquire); }
  // So many have blocks.
  std::uint64_t bytes() const { return limit() + frame::kSealBytes; }
  void SetLimit(std::uint64_t file_bytes) {
    limit_.store(file_bytes - frame::kSealBytes, std::memory_order_release);
    gate_->SetLimit(file_bytes - frame::kSealBytes);
  }

  // A descriptor is needed to let the file grow, and to sync it; a segment that does neither has
  // none.
  absl::StatusOr<std::shared_ptr<File>> Opened(Directory& directory) ABSL_LOCKS_EXCLUDED(mutex_);
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // See Segment::Extend.
  absl::Status Extend(std::uint64_t position, bool in_hurry)
      ABSL_LOCKS_EXCLUDED(growth_mutex_, mutex_);
  // Gives a file that has grown to half of the largest step its whole capacity, which takes as long
  // as thousands of appends. True when it did. Appends go on meanwhile. Not on a disk that is
  // nearly full: there the file grows as it needs to. Nothing once the segment is closing.
  bool GrowAhead(Directory& directory) ABSL_LOCKS_EXCLUDED(growth_mutex_, mutex_);
  // Brings some of the pages ahead of the appends into memory, and maps them if wanted; true when
  // there are more to bring now. Appends go on meanwhile. Nothing once the segment is sealed.
  bool PageInAhead(bool maps) ABSL_LOCKS_EXCLUDED(mutex_);
  // From here on the limit stays where it is.
  void StartClosing() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, unless the file has grown ahead meanwhile and a claim that ends at `position` holds:
  // then nothing is done, and the answer is false.
  bool StartClosingBelow(std::uint64_t position) ABSL_LOCKS_EXCLUDED(mutex_);
  // True when there may be something to do ahead of the appends.
  bool is_filling() const { return is_large() && bytes() >= steps_.largest_growth / 2; }
  // True once the file has its whole capacity and that is a lot: it is being filled in earnest, and
  // it pays to work ahead of the appends.
  bool is_busy() const { return is_large() && bytes() == identity_.capacity; }

  // Lets claims go on without a question a step beyond `position`, but not beyond the limit.
  void Grant(std::uint64_t position, bool in_hurry) ABSL_LOCKS_EXCLUDED(mutex_);
  // Call before the seal that ends at `end` is written: from then on nothing else is written behind
  // the appends.
  void PrepareSeal(std::uint64_t end) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets go of some of the pages before `end`; true when it did. `all`: also less than a step.
  bool ReleasePages(std::uint64_t end, bool all) ABSL_LOCKS_EXCLUDED(mutex_);
  std::uint64_t let_go_lag() const { return steps_.let_go_lag; }

  // Real blocks up to `end`, also where there should be some.
  absl::Status Allocate(std::uint64_t end) ABSL_LOCKS_EXCLUDED(growth_mutex_, mutex_);
  // Gives the blocks from `end` on back, and closes the file.
  absl::Status Trim(Directory& directory, std::uint64_t end)
      ABSL_LOCKS_EXCLUDED(growth_mutex_, mutex_);

 private:
  bool is_large() const { return identity_.capacity > 2 * steps_.largest_growth; }
  absl::StatusOr<std::shared_ptr<File>> OpenedLocked(Directory& directory)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the file reach at least to `needed`.
  absl::Status GrowTo(std::uint64_t needed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(growth_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The file has blocks up to `end` now. The limit follows unless the segment is closing: one of
  // the claims that were made has closed it, or will, where the limit was then.
  void HasGrown(std::uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(growth_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // For recoveries: before anything is written at or beyond the bound of before. Never goes back.
  void NoteClaimBound(std::uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GrantLocked(std::uint64_t position, bool in_hurry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Brings pages into memory until those below `position` are; false when that cannot be done.
  bool PageIn(std::uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Identity identity_;
  const SegmentSteps steps_;
  const std::unique_ptr<MappedFile> map_;
  std::byte* const data_;
  ClaimGate* const gate_;
  Atomic<std::uint64_t> limit_{0};

  // Held over every change of the size of the file.
  Mutex growth_mutex_ ABSL_ACQUIRED_BEFORE(mutex_){LockOrder::kSegmentGrowth};
  // GrowAhead was refused: it looks again when the file has grown so far.
  std::uint64_t next_look_ ABSL_GUARDED_BY(growth_mutex_) = 0;
  // Blocks that were had too late to be used, as the segment was closing: up to here.
  std::uint64_t unused_end_ ABSL_GUARDED_BY(growth_mutex_) = 0;

  Mutex mutex_{LockOrder::kSegmentFile};
  std::shared_ptr<File> file_ ABSL_GUARDED_BY(mutex_);
  // Below it pages are in memory, or need not be; at and above it no append has written a byte.
  // While the segment is busy, granted <= paged_in_.
  std::uint64_t paged_in_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t claim_bound_ ABSL_GUARDED_BY(mutex_) = 0;  // noted so far
  bool in_hurry_ ABSL_GUARDED_BY(mutex_) = true;
  // Pages before it were let go.
  std::uint64_t let_go_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_FILE_H_
