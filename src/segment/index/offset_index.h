#ifndef DAYBOOK_SEGMENT_INDEX_OFFSET_INDEX_H_
#define DAYBOOK_SEGMENT_INDEX_OFFSET_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "segment/claim_word.h"

namespace daybook::inline v1 {

// A sparse index of one segment: for each 4 KiB of it, the first frame that begins there. In
// memory; a sealed segment's is kept in a file beside it.
//
// It is a hint. Slots may be empty, since nobody waits for them to be filled: then a look-up
// begins further to the left and walks more frames. Whoever walks fills them.
//
// Thread-safe and wait-free. A slot is one word, stored relaxed: it publishes nothing but itself,
// and a reader trusts the frame that it finds there, not the slot. Slots take memory by the 512
// (2 MiB of the segment) when the first of them is filled, so that an index of little costs little.
//
// File: magic "DAYBOOKI", 8 segment_id, 8 number of slots, 8 hash of the slots, then the slots,
// 8 bytes each, all little-endian. Behind it: see TimeIndex.
class OffsetIndex {
 public:
  static constexpr std::uint64_t kInterval = 4096;

  explicit OffsetIndex(std::uint64_t capacity);
  ~OffsetIndex();
  OffsetIndex(const OffsetIndex&) = delete;
  OffsetIndex& operator=(const OffsetIndex&) = delete;

  // Forgets all and gives the memory back. Nobody else may use the index meanwhile.
  void Clear();

  // A frame ends, and the next one begins, at `next`; it began at `begin`.
  void Note(ClaimWord begin, ClaimWord next) {
    const std::uint64_t first = PositionOf(begin) / kInterval + 1;
    const std::uint64_t last = PositionOf(next) / kInterval;
    if (first <= last) Store(first, last, next);
  }

  // The last known frame at or before the one with `delta`, among those below `end`.
  ClaimWord FindDelta(std::uint32_t delta, ClaimWord end) const;

  // The first known frame at or after `position`; `end` if there is none below that.
  ClaimWord FindPosition(std::uint64_t position, ClaimWord end) const;

  // The last known frame below `end` for which `is_before(word)` holds; it must hold for all
  // frames up to some place and for none from there on.
  template <typename Predicate>
  ClaimWord FindLast(ClaimWord end, Predicate is_before) const {
    return FindLast(All(end), end, is_before);
  }

  std::string Encode(std::uint64_t segment_id, ClaimWord end) const;
  // How many bytes at the beginning of an index file are slots; the rest is a TimeIndex.
  static std::size_t FileBytes(std::string_view encoded);
  // DataLoss when the bytes are not the index of this segment; nothing is changed then.
  absl::Status Load(std::uint64_t segment_id, std::string_view encoded);
  // Whether every slot that is filled is filled with the same in `truth`, of the same capacity.
  bool AgreesWith(const OffsetIndex& truth) const;

 private:
  static constexpr std::uint64_t kBlockSlots = 512;
  struct Block {
    std::atomic<std::uint64_t> slots[kBlockSlots]{};
  };

  // What is left to search: the answer is `best`, or stands in a slot of (low, high].
  struct Span {
    ClaimWord best;
    std::uint64_t low;
    std::uint64_t high;
  };
  Span All(ClaimWord end) const;
  template <typename Predicate>
  ClaimWord FindLast(Span left, ClaimWord end, Predicate is_before) const;

  void Store(std::uint64_t first, std::uint64_t last, ClaimWord word);
  // The block of that slot; null when there is no memory for it: then the slot stays empty.
  Block* BlockFor(std::uint64_t slot);
  ClaimWord Get(std::uint64_t slot) const {
    const Block* block = blocks_[slot / kBlockSlots].load(std::memory_order_acquire);
    return block == nullptr ? 0 : block->slots[slot % kBlockSlots].load(std::memory_order_relaxed);
  }

  std::uint64_t count_;                      // slots
  std::vector<std::atomic<Block*>> blocks_;  // null: all empty
};

template <typename Predicate>
ClaimWord OffsetIndex::FindLast(Span left, ClaimWord end, Predicate is_before) const {
  auto [best, low, high] = left;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    std::uint64_t slot = middle;
    ClaimWord word = 0;
    while (slot > low && (word = Get(slot)) == 0) --slot;
    if (slot == low) {  // nothing known in (low, middle]
      // The answer may still lie to the right of the middle.
      std::uint64_t right = middle + 1;
      while (right <= high && (word = Get(right)) == 0) ++right;
      if (right > high || PositionOf(word) >= PositionOf(end) || !is_before(word)) {
        high = low;
      } else {
        best = word;
        low = right;
      }
    } else if (PositionOf(word) < PositionOf(end) && is_before(word)) {
      best = word;
      low = middle;
    } else {
      high = slot - 1;
    }
  }
  return best;
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_OFFSET_INDEX_H_
