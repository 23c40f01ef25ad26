#ifndef DAYBOOK_LOG_STORE_SEGMENT_STORE_H_
#define DAYBOOK_LOG_STORE_SEGMENT_STORE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/scheduler.h"
#include "daybook/offset.h"
#include "daybook/record_batch.h"
#include "format/frame_codec.h"
#include "log/log_context.h"
#include "log/store/log_bounds.h"
#include "log/store/partition_directory.h"
#include "log/store/segment_list.h"

namespace daybook::inline v1 {

// The segments of a log and how they are opened: what appending, reading, syncing and dropping have
// in common. There is a kind for each place that segments are in: files that this process writes
// (FileStore), files that another process writes (FollowedStore), and memory (MemoryStore).
//
// Its mutex is the log's. Nothing is made or opened before it is needed.
class SegmentStore : public SegmentList {
 public:
  // `context` must outlive this. `limits`: see SegmentList.
  SegmentStore(const LogContext& context, const PartitionName& name,
               std::shared_ptr<OpenLimits> limits, bool tells_of_changes = false);
  virtual ~SegmentStore() = default;

  const LogContext& context() const { return context_; }
  const PartitionName& name() const { return name_; }
  const PartitionDirectory& directory() const { return directory_; }

  // Segments are files in directory(): they can be synced, and hints be left beside them. If not,
  // they may be dropped before a reader at any time.
  virtual bool has_files() const { return true; }

  // --- For every kind ---------------------------------------------------------------------------

  // Lists the segments, and recovers what is to be written, unless that was done.
  virtual absl::Status EnsureOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) = 0;
  // OK: appends are possible. FailedPrecondition: nothing may be written, and why.
  virtual absl::Status WritableStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The segment of that slot, mapped.
  //   OutOfRange  it is off the list now: its writer has dropped it
  //   DataLoss    it is damaged
  virtual absl::StatusOr<std::shared_ptr<Segment>> OpenAt(std::size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) = 0;
  // The same, with its index if it has one.
  absl::StatusOr<std::shared_ptr<Segment>> OpenWithIndex(std::size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The one that holds `offset`, or that it would be appended to. OutOfRange: all begin behind it.
  absl::StatusOr<std::shared_ptr<Segment>> SegmentOf(Offset offset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Moves first_uncommitted() as far as it goes.
  absl::Status PassCommitted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // How far records are committed without a gap. The store must be open.
  absl::StatusOr<Offset> EndOffsetLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The log start offset, or the first segment's if that is higher.
  Offset BeginOffsetLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return std::max(empty() ? next_base_ : front().base_offset, bounds_.start());
  }
  // The same two, as they are now.
  absl::StatusOr<Offset> begin_offset() ABSL_LOCKS_EXCLUDED(mutex());
  absl::StatusOr<Offset> end_offset() ABSL_LOCKS_EXCLUDED(mutex());
  // OutOfRange: `wanted` is not in [begin offset, end offset] of a log with that start offset.
  absl::Status CheckRange(Offset wanted, Offset start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // That error.
  absl::Status NoSuchOffset(Offset wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The base offset of the first segment above that one; the end of the log where there is none.
  absl::StatusOr<Offset> BaseAbove(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // What is known of each, from the first on.
  absl::StatusOr<std::vector<SegmentFacts>> Facts() ABSL_LOCKS_EXCLUDED(mutex());

  // What readers may see of it.
  LogBounds& bounds() { return bounds_; }
  const LogBounds& bounds() const { return bounds_; }

  // Of the next segment, while none takes appends.
  Offset next_base() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return next_base_; }
  void SetNextBase(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { next_base_ = base; }
  // Of segments that begin from now on.
  std::uint32_t leader_epoch() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return leader_epoch_;
  }
  void SetLeaderEpoch(std::uint32_t epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    leader_epoch_ = epoch;
  }
  bool is_open() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return is_open_; }

  // Why writes fail, if they do, and why reads fail. Reads go on when writes are refused.
  const absl::Status& refusal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return refusal_; }
  const absl::Status& deletion() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return deletion_; }
  void RefuseWrites(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    refusal_ = why;
  }
  virtual void MarkDeleted(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Without the lock; sequentially consistent.
  bool is_deleted() const { return is_deleted_.load(); }

  // OK: what is appended can be made durable. FailedPrecondition: why not.
  virtual absl::Status SyncableStatus() ABSL_LOCKS_EXCLUDED(mutex()) { return absl::OkStatus(); }
  // How far the log is durable. `synced`: what this process knows of.
  virtual absl::StatusOr<Offset> DurableEnd(Offset synced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return synced;
  }

  // --- What another process may change: in a FollowedStore alone there is more to it -------------

  // The files belong to another process: it appends to them, and leaves its hints beside them.
  virtual bool belongs_elsewhere() const { return false; }
  // Notices changes. To be called with no lock held, before Refresh.
  virtual void Look() {}
  // EnsureOpen, and takes in what has changed since.
  virtual absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return EnsureOpen(); }
  // The same for a reader at the seal of its segment, unless the next one is known already.
  virtual absl::Status RefreshBehind(const Cursor&) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return absl::OkStatus();
  }
  // Of when a cursor is placed: see Cursor::seen_changes.
  virtual std::uint64_t changes() { return 0; }
  // Looks again at the files where `cursor` found `state`; true: there may be more now. A segment
  // that was replaced is exchanged; the cursor may have none afterwards.
  virtual absl::StatusOr<bool> LookAgain(Cursor&, frame::FrameState) { return false; }
  // Looks how far the segment's file reaches now; false: this process knows that anyway.
  virtual absl::StatusOr<bool> LookForGrowth(Segment&) { return false; }
  // Whether there is something behind `position`, where nothing was committed: its writer has died
  // with claims open.
  virtual bool PassDeadClaims(Segment& segment, std::uint64_t position) {
    return segment.BehindDeadClaims(position).has_value();
  }
  // Nothing is coming in that segment any more: the end is in a later one.
  virtual bool HasPassed(const Segment&) ABSL_LOCKS_EXCLUDED(mutex()) { return false; }
  // What was read from files that were looked for by name, unless these may be another topic's.
  virtual absl::StatusOr<RecordBatch> UnlessDeleted(absl::StatusOr<RecordBatch> batch) {
    return batch;
  }
  // Changes are told, and a cursor without a segment need not be tried before.
  bool tells_of_changes() const { return tells_of_changes_; }
  // The same: a change was told since the cursor looked at the files.
  virtual bool HasChangedSince(const Cursor&) { return false; }
  // Whether a read may find something, or fail: where the cursor stands before zeros, and before a
  // seal.
  virtual bool HasMoreBehindZeros(Cursor&) ABSL_LOCKS_EXCLUDED(mutex()) { return false; }
  virtual bool HasMoreBehindSeal(const Cursor& cursor) ABSL_LOCKS_EXCLUDED(mutex());

 protected:
  // Opens the file of a slot, and takes it in as its segment.
  absl::StatusOr<std::shared_ptr<Segment>> OpenFile(Directory& directory, SegmentSlot& slot,
                                                    MapAccess access)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::StatusOr<SegmentFacts> FactsAt(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Before PassCommitted goes through the list: passes what is known otherwise to be committed.
  virtual void PassKnown() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {}
  // Opens the first uncommitted segment, if it must be opened to be passed; false: it is off the
  // list now.
  virtual absl::StatusOr<bool> OpenToPass() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return true;  // a writer has open what it wrote
  }
  // Whether the end of the log is in that segment, which was the first with open claims.
  virtual bool IsEndIn(const std::shared_ptr<Segment>&) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return true;
  }
  // Where the committed frames of a segment end there is neither a claim that is still open nor a
  // seal.
  virtual bool IsDamagedEnd(const SegmentSlot& slot, ClaimWord)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return !slot.was_active;  // in what an earlier process wrote nobody claims any more
  }
  void SetOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { is_open_ = true; }

 private:
  const LogContext& context_;
  const PartitionName name_;
  const PartitionDirectory directory_;
  const bool tells_of_changes_;
  LogBounds bounds_;
  bool is_open_ ABSL_GUARDED_BY(mutex()) = false;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex());
  absl::Status deletion_ ABSL_GUARDED_BY(mutex());
  Offset next_base_ ABSL_GUARDED_BY(mutex());
  std::uint32_t leader_epoch_ ABSL_GUARDED_BY(mutex()) = 0;
  Atomic<bool> is_deleted_{false};  // deletion_ is set
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_SEGMENT_STORE_H_
