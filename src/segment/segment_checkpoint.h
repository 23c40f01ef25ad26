#ifndef DAYBOOK_SEGMENT_SEGMENT_CHECKPOINT_H_
#define DAYBOOK_SEGMENT_SEGMENT_CHECKPOINT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "format/segment_header.h"
#include "segment/claim_word.h"
#include "segment/segment_settings.h"

namespace daybook::inline v1 {

// What the header page of a segment says of how far it is committed and durable: the checkpoint
// slots. What is durable only rises, and is committed. Thread-safe. Of memory in place of a file
// it is not used.
class SegmentCheckpoint {
 public:
  // Both must outlive it; nothing is read from the page before Load.
  SegmentCheckpoint(const frame::SegmentHeader& header, std::byte* page)
      : header_(header), page_(page) {}

  // Takes over what the page has. Up to where frames are trusted in that boot, which may be beyond
  // the end of the file: then that was cut off, and readers are told. Absent: there is none.
  std::optional<ClaimWord> Load(const BootId& boot) ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes all before `committed`, and that all before `durable` is durable: by default that is left
  // as it was.
  void Write(const BootId& boot, ClaimWord committed, std::optional<ClaimWord> durable)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // After each sync of the file. Written with the next one.
  void NoteSync(bool has_failed) ABSL_LOCKS_EXCLUDED(mutex_);
  // After a failed sync, up to the next one that did not fail: from where on pages may count as
  // clean that are not on the disk.
  std::optional<std::uint64_t> UnsyncedFrom() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The offset below which all is known to be durable.
  Offset durable_end() const ABSL_LOCKS_EXCLUDED(mutex_);
  // True when the seal, too, is durable: nothing is left to sync.
  bool is_durable() const { return is_durable_.load(std::memory_order_relaxed); }
  void MarkDurable() { is_durable_.store(true, std::memory_order_relaxed); }
  // The seal was found to end at `position`: it is durable if that is.
  void NoteFoundSeal(std::uint64_t position) ABSL_LOCKS_EXCLUDED(mutex_);

  // As it is in the page now: a writer may have come since it was loaded.
  bool IsOfBoot(const BootId& boot) const ABSL_LOCKS_EXCLUDED(mutex_);
  // How far the file reached once.
  std::uint64_t KnownEnd(const BootId& boot) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  frame::CheckpointSlot LatestInPage() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::span<std::byte> page() const { return {page_, frame::kSegmentHeaderBytes}; }

  const frame::SegmentHeader& header_;
  std::byte* const page_;
  std::atomic<bool> is_durable_{false};
  mutable Mutex mutex_;
  frame::CheckpointSlot slot_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_CHECKPOINT_H_
