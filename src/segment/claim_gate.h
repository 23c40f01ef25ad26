#ifndef DAYBOOK_SEGMENT_CLAIM_GATE_H_
#define DAYBOOK_SEGMENT_CLAIM_GATE_H_

#include <cstdint>

#include "base/planted_bug.h"
#include "base/scheduler.h"
#include "daybook/format/frame.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

class Segment;

// Where appends claim bytes and offsets of a segment: the only part of one that a thread touches
// while no claim of its own holds the segment, and so the only part that must outlive it. There are
// two such moments: between loading the gate and claiming, and between committing a frame and
// noting how far it is committed. A thread can be held up there for as long as it likes, and
// nothing says that it is, so the gate of a file is never another one's: 128 bytes stay of each
// segment that took appends, until the log goes. (A gate that is reused could be told by a thread
// of its last life that a claim of this one is committed.)
//
// Segments in memory are begun anew with their gate: segment_memory.cc says why that is safe there.
//
// Memory ordering. `limit` and `granted` are stored with release after the file has grown, and
// acquired before a byte below them is touched. `committed` is a lower bound that may lag; it is
// stored with release and acquired, so that a thread which unmaps a segment because all of it is
// committed comes after every thread that wrote to it. The claim word publishes no other memory but
// what Open stored.
class ClaimGate {
 public:
  // Claims of more bytes are made one at a time, under the log's lock. Every thread of a process
  // may overshoot the limit once, by one claim, before it sees that the segment is closing, and all
  // of them together must not run from the low half of the claim word into the high one.
  static constexpr std::uint64_t kLargestFreeClaim = std::uint64_t{256} << 10;

  ClaimGate() = default;
  ClaimGate(const ClaimGate&) = delete;
  ClaimGate& operator=(const ClaimGate&) = delete;

  // Begins a life of the gate. May be called while threads that were held up still claim as in the
  // life before.
  void Open(std::uint64_t limit) {
    granted_.store(0, std::memory_order_relaxed);
    committed_.store(kFirstFrame, std::memory_order_relaxed);
    limit_.store(limit, std::memory_order_relaxed);
    largest_claim_.store(kLargestFreeClaim, std::memory_order_relaxed);
    claim_.store(kFirstFrame, std::memory_order_release);
  }

  void Belong(Segment* segment) { segment_ = segment; }  // before the gate is shared
  // Whose gate it is. Only for a thread with a claim that holds, or under the log's lock.
  Segment* segment() const { return segment_; }

  // False: go to the slow path, and claim nothing here.
  bool Admits(std::uint64_t bytes) const {
    return bytes <= largest_claim_.load(std::memory_order_relaxed);
  }
  // Takes the next `bytes` (a multiple of 8) and `records` offsets; wait-free. The claim holds if
  // Fits, and otherwise after Segment::Extend; exactly one claim in the life of a segment begins at
  // or below the limit and ends beyond it while the segment is closing, and the thread that made it
  // seals the segment there.
  ClaimWord Claim(std::uint64_t bytes, std::uint64_t records = 1) {
    // Acquires what Open stored before it, granted_ above all.
    return claim_.fetch_add(MakeClaimWord(records, bytes), std::memory_order_acquire);
  }
  // False for a claim that was made in an earlier life. (May be true for one if the segment is
  // about to be sealed again.)
  bool IsCurrentGeneration(ClaimWord before, std::uint64_t bytes) const {
    return PositionOf(before) + bytes <= PositionOf(claim_.load(std::memory_order_relaxed));
  }
  bool Fits(ClaimWord before, std::uint64_t bytes) const {
    return PositionOf(before) + bytes <= granted_.load(std::memory_order_acquire);
  }
  // True for a claim that holds, whether it was granted yet or not.
  bool IsInside(ClaimWord before, std::uint64_t bytes) const {
    return PositionOf(before) + bytes <= limit_.load(std::memory_order_acquire);
  }
  bool IsRollingClaim(ClaimWord before, std::uint64_t bytes) const {
    const std::uint64_t limit = limit_.load(std::memory_order_acquire);
    if (IsPlanted(PlantedBug::kClaimsWhileClosing)) return limit < PositionOf(before) + bytes;
    return PositionOf(before) <= limit && limit < PositionOf(before) + bytes;
  }
  // Set once the limit does not move any more: claim nothing, go to the roll. Of a file, under the
  // lock under which the limit is raised (SegmentFile::StartClosing).
  bool is_closing() const { return largest_claim_.load(std::memory_order_relaxed) == 0; }
  void StartClosing() { largest_claim_.store(0, std::memory_order_relaxed); }

  // Notes that [before, next) is committed: cheap, and exact for a single producer.
  void AdvanceCommitted(ClaimWord before, ClaimWord next) {
    if (committed_.load(std::memory_order_acquire) == before ||
        IsPlanted(PlantedBug::kCommitsOverOpenClaims)) {
      committed_.store(next, std::memory_order_release);
    }
  }

  ClaimWord claimed() const { return claim_.load(std::memory_order_relaxed); }
  ClaimWord committed() const { return committed_.load(std::memory_order_acquire); }
  std::uint64_t granted() const { return granted_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_acquire); }
  void SetCommitted(ClaimWord end) { committed_.store(end, std::memory_order_release); }
  void SetGranted(std::uint64_t end) { granted_.store(end, std::memory_order_release); }
  void SetLimit(std::uint64_t end) { limit_.store(end, std::memory_order_release); }
  // Claims begin there: before the segment is shared.
  void BeginAt(ClaimWord at) {
    claim_.store(at, std::memory_order_relaxed);
    committed_.store(at, std::memory_order_relaxed);
  }

 private:
  // Every append writes this line; readers seldom read it. committed_ is beside claim_, since a
  // thread that has just claimed has the line.
  alignas(64) Atomic<ClaimWord> claim_{kFirstFrame};
  Atomic<ClaimWord> committed_{kFirstFrame};
  // Read by all on every call, written when the file grows. granted_ <= limit_.
  alignas(64) Atomic<std::uint64_t> granted_{0};
  Atomic<std::uint64_t> limit_{0};
  Atomic<std::uint64_t> largest_claim_{kLargestFreeClaim};  // 0: closing
  Segment* segment_ = nullptr;
};
static_assert(sizeof(ClaimGate) == 128);

// The largest segment, the claim of its whole capacity that closes it, one claim of the largest
// size under the log's lock, and one from each of more threads than a process can have: Linux
// allows it 65,530 maps, and each thread has one for its stack.
inline constexpr std::uint64_t kMostThreads = 65'536;
static_assert(2 * (std::uint64_t{4} << 30) + 2 * std::uint64_t{frame::kMaxFrameBytes} +
                  kMostThreads * ClaimGate::kLargestFreeClaim <
              (std::uint64_t{1} << 32) * frame::kFrameAlignment);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_CLAIM_GATE_H_
