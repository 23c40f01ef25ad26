#include <algorithm>
#include <iterator>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "log/partition_log.h"

// Group commit: of all threads that wait for durability, one syncs, and everything that was
// committed when it began is then durable for all of them.

namespace daybook::inline v1 {
namespace {

// An open claim is filled within microseconds; who waits for longer looks this often.
constexpr std::chrono::microseconds kClaimPoll{50};
constexpr int kSpins = 100;
// From so many waiters on, those that do not sync yield for about as long as a sync takes before
// they park (as RocksDB's write threads do): to wake a thread on a core that sleeps takes longer
// than the sync itself on a virtual machine, and each of them needs it.
constexpr int kManyWaiters = 2;

// Ends the turn of who syncs, even when memory runs out in the middle of it.
class SyncTurn {
 public:
  SyncTurn(Atomic<bool>& is_syncing, EventCount& synced)
      : is_syncing_(is_syncing), synced_(synced) {}
  ~SyncTurn() {
    is_syncing_.store(false, std::memory_order_release);
    synced_.Notify();
  }
  SyncTurn(const SyncTurn&) = delete;
  SyncTurn& operator=(const SyncTurn&) = delete;

 private:
  Atomic<bool>& is_syncing_;
  EventCount& synced_;
};

}  // namespace

Offset PartitionLog::CommittedEnd() {
  lookers_.fetch_add(1);  // before the look: ReleaseIdle says why
  Segment* segment = active_.load();
  const Offset end =
      segment == nullptr ? Offset() : segment->base_offset() + RecordsOf(segment->CommittedEnd());
  lookers_.fetch_sub(1);
  return end;
}

Offset PartitionLog::ClaimedEnd() {
  lookers_.fetch_add(1);
  const Segment* segment = active_.load();
  const Offset end =
      segment == nullptr ? Offset() : segment->base_offset() + RecordsOf(segment->ClaimedEnd());
  lookers_.fetch_sub(1);
  return end;
}

absl::Status PartitionLog::AwaitCommitted(Offset end,
                                          std::chrono::steady_clock::time_point deadline) {
  for (int spins = 0;; ++spins) {
    const auto committed = end_offset();  // opens the partition, if nobody did
    if (!committed.ok()) return committed.status();
    if (*committed >= end) return absl::OkStatus();
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          ClaimedEnd() > *committed
              ? absl::StrCat(name_.directory(), ": offset ", committed->value(),
                             " is claimed and not committed, so nothing behind it can be made "
                             "durable; commit or drop the claim")
              : absl::StrCat(name_.directory(), ": there is nothing before offset ", end.value(),
                             " that could be made durable; the partition ends at ",
                             committed->value()));
    }
    if (spins < kSpins) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kClaimPoll);
    }
  }
}

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::SegmentToSync(const OpenSegment& listed) {
  if (listed.segment != nullptr) return listed.segment;
  // The one that readers get, too: of two for one file each would write over what the other notes.
  MutexLock lock(mutex_);
  const OpenSegment* const slot = FindSlot(listed.base_offset);  // nothing is dropped before
  if (slot->was_active && !listed.was_active) return nullptr;    // it was replaced
  return OpenAt(static_cast<std::size_t>(slot - segments_.data()));
}

absl::StatusOr<Offset> PartitionLog::SyncCommitted(bool* disk_failed) {
  std::vector<OpenSegment> segments;
  std::int64_t rolls = 0;
  {
    MutexLock lock(mutex_);
    const auto first = std::lower_bound(
        segments_.begin(), segments_.end(), first_undurable_,
        [](const OpenSegment& open, Offset offset) { return open.base_offset < offset; });
    std::copy_if(first, segments_.end(), std::back_inserter(segments),
                 [](const OpenSegment& open) { return !IsDurable(open); });
    rolls = rolls_;
  }
  Offset durable(durable_.load(std::memory_order_relaxed));
  if (segments.empty()) return durable;
  const auto directory = OpenDirectory();
  if (!directory.ok()) return directory.status();
  if (IsPlanted(PlantedBug::kSyncsLastSegmentAlone)) {
    segments.erase(segments.begin(), segments.end() - 1);
  }
  // Before the segments, which note in their own pages that they are durable: the next process of
  // this boot believes that, and their names have to be, too, by then. An empty segment may have
  // been replaced by another one of its name, so offsets do not tell what is new.
  if (synced_rolls_ != rolls && !IsPlanted(PlantedBug::kNoDirectorySync)) {
    absl::Status status = (*directory)->Sync();
    if (!synced_rolls_) status.Update(context_.root->Sync());
    if (!status.ok()) {
      *disk_failed = true;
      return status;
    }
    synced_rolls_ = rolls;
  }
  // In order, each whole before the next, so that the durable part is always a beginning.
  for (const OpenSegment& slot : segments) {
    auto opened = SegmentToSync(slot);
    // There is nothing in it to be synced: who reads it is told that it is damaged.
    if (absl::IsDataLoss(opened.status())) continue;
    if (!opened.ok()) return opened.status();
    const std::shared_ptr<Segment> segment = *std::move(opened);
    if (segment == nullptr) break;  // its name is not durable yet: the next time
    first_undurable_ = slot.base_offset;
    const ClaimWord end = segment->CommittedEnd();
    // No descriptor to sync with says nothing about the disk.
    if (auto status = segment->EnsureFile(**directory); !status.ok()) return status;
    if (const auto status = segment->Sync(**directory, end, context_.boot); !status.ok()) {
      *disk_failed = true;
      return status;
    }
    {
      MutexLock lock(mutex_);  // no append is in need of the descriptor now
      CloseFileIfScarce(*segment);
    }
    durable = segment->base_offset() + RecordsOf(end);
    // One without a record may be replaced by another one of this base.
    if (segment->is_durable() && RecordsOf(end) != 0) {
      first_undurable_ = first_undurable_ + 1;
      MutexLock lock(mutex_);
      FindSlot(slot.base_offset)->is_durable = true;  // nothing is dropped before
    }
    if (segment->sealed_end() && end != segment->sealed_end()) break;  // open claims
  }
  return durable;
}

void PartitionLog::GatherGroup() {
  const Offset enough(durable_.load(std::memory_order_relaxed) + last_group_);
  const auto until = std::chrono::steady_clock::now() + last_sync_time_.load();
  while (sync_waiters_.load(std::memory_order_relaxed) > 1 && ClaimedEnd() < enough &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
}

absl::Status PartitionLog::WaitDurable(Offset end, std::chrono::steady_clock::time_point deadline) {
  if (context_.is_read_only) {
    MutexLock lock(mutex_);
    return WritableStatus();
  }
  if (is_in_memory()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name_.directory(),
                     ": nothing in a memory topic survives a power cut; make the topic with "
                     "storage=file to wait for that"));
  }
  sync_waiters_.fetch_add(1, std::memory_order_relaxed);
  absl::Status status = AwaitDurable(end, deadline);
  sync_waiters_.fetch_sub(1, std::memory_order_relaxed);
  return status;
}

bool PartitionLog::AwaitSync(EventCount::Key key, std::chrono::steady_clock::time_point deadline) {
  if (sync_waiters_.load(std::memory_order_relaxed) >= kManyWaiters) {
    const auto until = std::chrono::steady_clock::now() + 2 * last_sync_time_.load();
    while (std::chrono::steady_clock::now() < std::min(until, deadline)) {
      if (synced_.PrepareForCertainNotify() != key) return true;
      std::this_thread::yield();
    }
  }
  return synced_.CommitWait(key, deadline);
}

absl::Status PartitionLog::AwaitDurable(Offset end,
                                        std::chrono::steady_clock::time_point deadline) {
  // Mostly what is asked for was committed just now, and the one look without a lock says so.
  for (bool is_committed = CommittedEnd() >= end;;) {
    const EventCount::Key key = synced_.PrepareForCertainNotify();
    if (durable_.load(std::memory_order_acquire) >= end.value()) return absl::OkStatus();
    if (has_sync_failed_.load(std::memory_order_acquire)) {
      MutexLock lock(sync_mutex_);
      return sync_error_;
    }
    if (!is_committed) {
      // Not as the one who syncs: others wait for less.
      if (auto status = AwaitCommitted(end, deadline); !status.ok()) return status;
      is_committed = true;
    } else if (!is_syncing_.exchange(true)) {
      absl::Status status;
      {
        const SyncTurn turn(is_syncing_, synced_);
        status = SyncForAll(end);
      }
      if (!status.ok()) return status;
      is_committed = false;  // if that was not enough, a claim in an earlier segment is open
    } else if (!AwaitSync(key, deadline)) {
      return absl::DeadlineExceededError(
          absl::StrCat(name_.directory(), ": the disk did not finish a sync in time"));
    }
  }
}

absl::Status PartitionLog::SyncForAll(Offset end) {
  // Both may have changed since the caller looked.
  if (durable_.load(std::memory_order_relaxed) >= end.value()) return absl::OkStatus();
  if (is_deleted_.load()) {  // the files may be another process's by now
    MutexLock lock(mutex_);
    return deleted_;
  }
  if (has_sync_failed_.load(std::memory_order_relaxed)) {
    MutexLock lock(sync_mutex_);
    return sync_error_;
  }
  // Those whom the last sync released are about to append again: without a little patience it
  // would be made for the first of them alone, and all others would wait for the next one.
  GatherGroup();
  const auto start = std::chrono::steady_clock::now();
  bool disk_failed = false;
  if (IsPlanted(PlantedBug::kDurableBeforeSync)) durable_.store(end.value());
  const auto durable = SyncCommitted(&disk_failed);
  last_group_ = ClaimedEnd().value() - durable_.load(std::memory_order_relaxed);
  last_sync_time_ = std::chrono::steady_clock::now() - start;
  if (durable.ok()) {
    durable_.store(durable->value(), std::memory_order_release);
    return absl::OkStatus();
  }
  if (disk_failed && !IsPlanted(PlantedBug::kRetriesFailedSync)) {
    // What the disk holds is not known any more: a second sync would answer OK for pages that the
    // kernel has dropped. No more writes until the directory is opened anew.
    Close(absl::FailedPreconditionError(absl::StrCat(
        name_.directory(), ": read-only since a sync failed (", durable.status().message(),
        "); check the disk and open the directory again")));
    MutexLock lock(sync_mutex_);
    sync_error_ = durable.status();
    has_sync_failed_.store(true, std::memory_order_release);
  }
  return durable.status();
}

bool PartitionLog::HasClaimsBehind(Offset end) {
  if (is_in_memory()) return false;
  MutexLock lock(mutex_);
  return end < (active_.load(std::memory_order_relaxed) == nullptr ? next_base_ : ClaimedEnd());
}

absl::Status PartitionLog::SyncDirty() {
  background_.is_dirty.store(false);
  // Whoever commits a frame and then finds the mark set leaves it to this sync, which must find the
  // frame: a barrier between the store and the look on either side, and both are paid for here.
  WaitList::BarrierOfWaiter();
  if (is_deleted()) return absl::OkStatus();  // nobody waits for it any more
  const auto end = end_offset();
  absl::Status status = end.status();
  if (end.ok()) {
    status = WaitDurable(*end, DeadlineAfter(std::chrono::seconds(30)));
  }
  // What is promised is still to be done; after a failed sync whoever asks is told so again. An
  // append behind an open claim is not committed for readers, and nobody tells when it is.
  if (!status.ok() || HasClaimsBehind(*end)) MarkDirty();
  return status;
}

absl::Status PartitionLog::SyncLastCommits() {
  if (!background_.is_dirty.exchange(false) || has_sync_failed_.load()) return absl::OkStatus();
  // Whoever else asks for a sync now finds that the log is deleted, and is done in a moment.
  while (is_syncing_.exchange(true)) std::this_thread::yield();
  const SyncTurn turn(is_syncing_, synced_);
  bool disk_failed = false;
  return SyncCommitted(&disk_failed).status();
}

absl::StatusOr<Offset> PartitionLog::durable_offset() {
  MutexLock lock(mutex_);
  if (const auto status = EnsureOpen(); !status.ok()) return status;
  Offset durable(durable_.load(std::memory_order_acquire));
  if (context_.is_read_only) {
    // What the writer had noted when each segment was opened.
    durable = next_base_;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const auto segment = OpenAt(i);
      if (absl::IsOutOfRange(segment.status())) break;  // it was dropped
      if (!segment.ok()) return segment.status();
      durable = (*segment)->durable_end();
      const auto sealed = (*segment)->sealed_end();
      if (!sealed || durable < (*segment)->base_offset() + RecordsOf(*sealed)) break;
    }
  }
  // Not more than there is, whatever a checkpoint says that something else has written.
  const auto end = EndOffsetLocked();
  return end.ok() ? std::min(durable, *end) : durable;
}

}  // namespace daybook::inline v1
