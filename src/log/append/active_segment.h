#ifndef DAYBOOK_LOG_APPEND_ACTIVE_SEGMENT_H_
#define DAYBOOK_LOG_APPEND_ACTIVE_SEGMENT_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "daybook/offset.h"
#include "log/append/segment_source.h"
#include "log/log_context.h"
#include "log/store/segment_store.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// A claim that holds: its segment and its place there.
struct Claimed {
  Segment* segment = nullptr;
  ClaimWord before = 0;

  // Of a frame of that length: see Segment::BeginFrame.
  std::byte* Begin(std::uint64_t length) const {
    return segment->BeginFrame(before, frame::AlignedLength(length));
  }
  std::uint32_t delta() const { return RecordsOf(before); }
  Offset offset() const { return segment->base_offset() + delta(); }  // of its first record
};

// The segment of a log that takes appends, and how appends claim in it: none until there is one,
// and after an append failed for want of space. Thread-safe. Claims that fit are made at its gate
// without a lock; with the mutex of the log's SegmentStore, which is passed to each call, segments
// are extended, sealed, and followed by others.
//
// Memory ordering. gate_ is published with release: a thread that acquires it may claim there. The
// segment is stored and loaded sequentially consistently, since SegmentList::LockFreeReader relies
// on that.
class ActiveSegment {
 public:
  // `readers`: are told of a seal. All must outlive this.
  ActiveSegment(const LogContext& context, SegmentSource& source, WaitList& readers)
      : context_(context), source_(source), readers_(readers) {}

  // Claims a frame of that length and the next offsets. After an error nothing is claimed.
  [[gnu::always_inline]] inline absl::Status Claim(SegmentStore& segments, std::uint64_t length,
                                                   Claimed* claimed, std::uint64_t records = 1) {
    const std::uint64_t bytes = frame::AlignedLength(length);
    ClaimGate* gate = gate_.load(std::memory_order_acquire);
    ClaimWord before = 0;
    if (gate != nullptr && gate->Admits(bytes)) [[likely]] {
      before = gate->Claim(bytes, records);
      if (gate->Fits(before, bytes)) [[likely]] {
        *claimed = {gate->segment(), before};
        return absl::OkStatus();
      }
    } else {
      gate = nullptr;
    }
    // By value, so that what is claimed stays in registers.
    const auto slowly = ClaimSlowly(segments, bytes, records, gate, before);
    if (!slowly.ok()) return slowly.status();
    *claimed = *slowly;
    return absl::OkStatus();
  }
  // Goes on in another segment if this one has few offsets left: a batch that shrinks to next to
  // nothing may take a million.
  void RollIfFullOfOffsets(SegmentStore& segments) ABSL_LOCKS_EXCLUDED(segments.mutex());

  // The next append begins another segment. Claims that are open stay where they are.
  void Roll(SegmentStore& segments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  // With the lock, or while a LockFreeReader lives.
  Segment* segment() const { return segment_.load(); }
  // One past the last record of it, by one look without the lock; 0 if there is none. Too high
  // while a claim in an earlier segment is open.
  Offset CommittedEnd(SegmentList& segments) const {
    const SegmentList::LockFreeReader reader(segments);
    Segment* const active = segment();
    return active == nullptr ? Offset() : active->base_offset() + RecordsOf(active->CommittedEnd());
  }
  // The same of what was claimed. Too low while the segment is closing.
  Offset ClaimedEnd(SegmentList& segments) const {
    const SegmentList::LockFreeReader reader(segments);
    const Segment* const active = segment();
    return active == nullptr ? Offset() : active->base_offset() + RecordsOf(active->ClaimedEnd());
  }

  // Appends go on in that segment, which is the last one on the list.
  void Resume(SegmentStore& segments, Segment& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
    Set(segments, &segment);
  }
  // No more claims. The segment is not sealed: the next process goes on in it.
  void Stop(SegmentStore& segments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

 private:
  // Grows, rolls, opens until a claim holds. `missed`: where one was made at `before`, too far.
  absl::StatusOr<Claimed> ClaimSlowly(SegmentStore& segments, std::uint64_t bytes,
                                      std::uint64_t records, ClaimGate* missed, ClaimWord before)
      ABSL_LOCKS_EXCLUDED(segments.mutex());
  // Settles the claim that was made at `gate`: true if it holds.
  absl::StatusOr<bool> SettleMissed(SegmentStore& segments, ClaimGate& gate, ClaimWord before,
                                    std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // Makes a new segment with room for a claim of that many bytes the active one.
  absl::Status Start(SegmentStore& segments, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // Seals it where `crossing` began.
  void Seal(SegmentStore& segments, Segment& segment, ClaimWord crossing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // Null: there is none from here on.
  void Set(SegmentStore& segments, Segment* segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());
  // Waits for another active segment, or none.
  void AwaitRoll(SegmentStore& segments, const ClaimGate& gate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex());

  Atomic<ClaimGate*> gate_{nullptr};
  Atomic<Segment*> segment_{nullptr};
  const LogContext& context_;
  SegmentSource& source_;
  WaitList& readers_;
  CondVar rolled_;          // segment_ changed
  std::int64_t rolls_ = 0;  // how often
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_ACTIVE_SEGMENT_H_
