#ifndef DAYBOOK_LOG_STORE_FOLLOWED_STORE_H_
#define DAYBOOK_LOG_STORE_FOLLOWED_STORE_H_

#include "log/store/log_follower.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// Segments in files that another process writes. Records come by memory that both map, and need no
// looking for; what has to be looked for is whether the files are still those that are mapped:
// segments are added, dropped, and replaced by others of their name, and the process that writes
// may die.
class FollowedStore : public SegmentStore {
 public:
  // `counters` must outlive this.
  FollowedStore(const LogContext& context, const PartitionName& name, RecoveryCounters& counters);

  absl::Status EnsureOpen() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::Status WritableStatus() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::StatusOr<std::shared_ptr<Segment>> OpenAt(std::size_t index) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::Status SyncableStatus() override ABSL_LOCKS_EXCLUDED(mutex());
  // What the writer had noted when each segment was opened.
  absl::StatusOr<Offset> DurableEnd(Offset synced) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  bool belongs_elsewhere() const override { return true; }
  void Look() override { follower_.Look(); }
  absl::Status Refresh() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::Status RefreshBehind(const Cursor& cursor) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  std::uint64_t changes() override { return follower_.changes(); }
  absl::StatusOr<bool> LookAgain(Cursor& cursor, frame::FrameState state) override
      ABSL_LOCKS_EXCLUDED(mutex());
  absl::StatusOr<bool> LookForGrowth(Segment& segment) override;
  bool PassDeadClaims(Segment& segment, std::uint64_t position) override;
  bool HasPassed(const Segment& segment) override ABSL_LOCKS_EXCLUDED(mutex());
  absl::StatusOr<RecordBatch> UnlessDeleted(absl::StatusOr<RecordBatch> batch) override
      ABSL_LOCKS_EXCLUDED(mutex());
  bool HasChangedSince(const Cursor& cursor) override {
    return follower_.is_told() && cursor.seen_changes != follower_.changes();
  }
  bool HasMoreBehindZeros(Cursor& cursor) override ABSL_LOCKS_EXCLUDED(mutex());
  bool HasMoreBehindSeal(const Cursor& cursor) override ABSL_LOCKS_EXCLUDED(mutex());

 protected:
  bool MayUnmap(SegmentSlot&) override { return true; }
  void PassKnown() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::StatusOr<bool> OpenToPass() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsEndIn(const std::shared_ptr<Segment>& segment) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsDamagedEnd(const SegmentSlot& slot, ClaimWord end) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

 private:
  // Looks at the file that has the segment's name: see Segment::Refresh.
  absl::StatusOr<bool> RefreshSegment(Segment& segment);
  // Makes the list what the directory has.
  absl::Status List(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Makes sure that the slot's segment, if there is one, is the file that has its name.
  void Renew(SegmentSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Looks why the file of a slot has no segment in it; OK: it is still on the list.
  absl::Status LookForMissing(Directory& directory, std::size_t index, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  RecoveryCounters& counters_;
  LogFollower follower_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_FOLLOWED_STORE_H_
