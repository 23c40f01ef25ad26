#ifndef DAYBOOK_LOG_STORE_SEGMENT_LIST_H_
#define DAYBOOK_LOG_STORE_SEGMENT_LIST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "daybook/offset.h"
#include "log/log_context.h"
#include "segment/index/segment_facts.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// A segment that a log has, mapped or not.
struct SegmentSlot {
  Offset base_offset;
  std::shared_ptr<Segment> segment = nullptr;  // empty until it is needed
  bool was_active = false;                     // a thread that was held up may still claim in it
  bool is_undecided = false;                   // recovery could not tell where it ends, and left it
  bool is_unsettled = false;                   // recovery failed: the next open is to try again
  bool is_durable = false;                     // if it is not mapped: to its seal
  std::uint64_t last_used = 0;                 // by the count of SegmentList::uses_
  std::optional<TimeSummary> times = {};       // of its records, once that was asked for
  std::uint64_t seen_changes = 0;              // when a follower saw that it is what has the name
  std::shared_ptr<const SegmentFacts> facts = nullptr;  // once asked for, if it is sealed
};

inline bool IsDurable(const SegmentSlot& slot) {
  return slot.is_durable || (slot.segment != nullptr && slot.segment->is_durable());
}

// Whether nobody else has a share in it. Comes after all that the others did with it: use_count()
// alone orders nothing, but giving up one more share does.
inline bool IsOnlyOwner(const std::shared_ptr<Segment>& segment) {
  if (segment.use_count() != 1) return false;
  std::shared_ptr<Segment>(segment).reset();
  return true;
}

// The segments of a log by base offset, which of them are mapped, and what is left of those that
// are gone. It bounds how many sealed segments stay mapped while nobody reads them.
//
// mutex() is the log's lock: it guards the list, and all that names it as what guards it.
// Invariants: base offsets rise; first_uncommitted() is below size() unless the list is empty; of
// all segments below first_uncommitted() every claim is committed.
class SegmentList {
 public:
  // `limits`: null where segments have no maps that are worth counting, and none is unmapped.
  explicit SegmentList(std::shared_ptr<OpenLimits> limits) : limits_(std::move(limits)) {}
  SegmentList(const SegmentList&) = delete;
  SegmentList& operator=(const SegmentList&) = delete;

  Mutex& mutex() const ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  bool empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return slots_.empty(); }
  std::size_t size() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return slots_.size(); }
  SegmentSlot& SlotAt(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return slots_[index];
  }
  SegmentSlot& front() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return slots_.front(); }
  SegmentSlot& back() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return slots_.back(); }
  const std::vector<SegmentSlot>& slots() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return slots_;
  }
  // The slot with that base offset; null: there is none.
  SegmentSlot* Find(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The index of the first segment with a base offset of at least, or above, that one.
  std::size_t IndexFrom(Offset offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::size_t IndexAbove(Offset offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The first segment that may have open claims.
  std::size_t first_uncommitted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return first_uncommitted_;
  }
  void SetFirstUncommitted(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    first_uncommitted_ = index;
  }

  // Adds the slot of a file that was found, unless there is one.
  void Insert(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next Append needs no memory.
  void ReserveOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Append(SegmentSlot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    slots_.push_back(std::move(slot));
    ++added_;
  }
  // How often segments were taken off the list.
  std::uint64_t removals() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return removals_; }
  // How many segments were appended to the list.
  std::uint64_t added() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return added_; }
  // Takes the segments in [first, last) off the list, and notes those in which a thread that was
  // held up may still claim.
  void Remove(std::size_t first, std::size_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes over the segments that a recovery has found, in place of none.
  void Adopt(std::vector<SegmentSlot> slots) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Touch(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { slot.last_used = ++uses_; }
  // Call after a slot's segment is mapped. May unmap others.
  void NoteMapped(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unmap(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Closes the segment's file unless this log is among those that keep theirs open.
  void CloseFileIfScarce(Segment& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Destroys those removed segments that nobody reads any more.
  void ReleaseRemoved() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // How many claim gates are left by segments that are gone.
  std::size_t gates_left() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return gates_left_.size();
  }

  // While one of these lives, no segment that took appends is destroyed. To be made before the look
  // at the active segment that it is there for, which goes on without the lock.
  class LockFreeReader {
   public:
    explicit LockFreeReader(SegmentList& list) : list_(list) {
      list_.lock_free_readers_.fetch_add(1);
    }
    ~LockFreeReader() { list_.lock_free_readers_.fetch_sub(1); }
    LockFreeReader(const LockFreeReader&) = delete;
    LockFreeReader& operator=(const LockFreeReader&) = delete;

   private:
    SegmentList& list_;
  };

 protected:
  ~SegmentList();
  // Asked of a mapped segment that nobody else has a share in, before it is unmapped: whether it
  // may be.
  virtual bool MayUnmap(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;

 private:
  // Unmaps sealed segments that were not used for long, if there are too many.
  void UnmapIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool UnmapIfUnused(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<OpenLimits> limits_;
  mutable Mutex mutex_{LockOrder::kLog};
  std::vector<SegmentSlot> slots_ ABSL_GUARDED_BY(mutex_);
  std::size_t first_uncommitted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t removals_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Offset> mapped_ ABSL_GUARDED_BY(mutex_);  // base offsets
  bool holds_file_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Segment>> removed_ ABSL_GUARDED_BY(mutex_);  // may be read still
  // A thread that was held up may still claim at the gate of a segment that is gone.
  std::vector<std::unique_ptr<ClaimGate>> gates_left_ ABSL_GUARDED_BY(mutex_);
  Atomic<int> lock_free_readers_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_SEGMENT_LIST_H_
