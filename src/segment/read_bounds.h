#ifndef DAYBOOK_SEGMENT_READ_BOUNDS_H_
#define DAYBOOK_SEGMENT_READ_BOUNDS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/scheduler.h"
#include "daybook/format/frame.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

// The places in a segment up to which its readers know something without another look. None of
// them says how far is committed: that is the ClaimGate's.
//
// Thread-safe, but for hole_end, which is set before the segment is shared. Memory ordering: the
// seal is published by the release store of its place. The others are lone words that publish no
// other memory: relaxed is enough.
class ReadBounds {
 public:
  // Sealed: where its seal stands. Of a follower: as far as it has looked.
  std::optional<ClaimWord> sealed_end() const {
    const ClaimWord end = sealed_end_.load(std::memory_order_acquire);
    return end == 0 ? std::nullopt : std::optional(end);
  }
  void SetSealedEnd(ClaimWord end) { sealed_end_.store(end, std::memory_order_release); }
  // Nobody reads.
  void ForgetSeal() { sealed_end_.store(0, std::memory_order_relaxed); }

  // Zeros at `position` are no claim that may be committed yet, but a hole: it is before what was
  // committed when the segment was found.
  bool IsHole(std::uint64_t position) const { return position < hole_end_; }
  void SetHoleEnd(std::uint64_t end) { hole_end_ = end; }
  void RaiseHoleEnd(std::uint64_t end) { hole_end_ = std::max(hole_end_, end); }

  // A search for a frame from here on was given up, and would be again.
  bool IsUndecidedAt(std::uint64_t position) const {
    return undecided_at_.load(std::memory_order_relaxed) == position;
  }
  void NoteUndecidedAt(std::uint64_t position) {
    undecided_at_.store(position, std::memory_order_relaxed);
  }

  // The checksum of each frame before it was met once: a lower bound, moved on by those alone that
  // have verified from there on.
  std::uint64_t verified_end() const { return verified_end_.load(std::memory_order_relaxed); }
  void SetVerifiedEnd(std::uint64_t end) { verified_end_.store(end, std::memory_order_relaxed); }
  // Nothing comes between the writing and the reading of memory.
  void TrustAll() { SetVerifiedEnd(std::numeric_limits<std::uint64_t>::max()); }

  // Whether claims that are open at `position` are those of threads that are dead.
  bool IsDead(std::uint64_t position) const {
    return position < dead_end_.load(std::memory_order_relaxed);
  }
  void RaiseDeadEnd(std::uint64_t end) {
    std::uint64_t known = dead_end_.load(std::memory_order_relaxed);
    while (known < end && !dead_end_.compare_exchange_weak(known, end, std::memory_order_relaxed)) {
    }
  }

 private:
  Atomic<ClaimWord> sealed_end_{0};  // 0: no seal
  std::uint64_t hole_end_ = 0;
  std::atomic<std::uint64_t> undecided_at_{0};  // 0: no search was given up
  // Readers write this line with each batch, and appends read the one above.
  alignas(64) std::atomic<std::uint64_t> verified_end_{frame::kSegmentHeaderBytes};
  std::atomic<std::uint64_t> dead_end_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_READ_BOUNDS_H_
