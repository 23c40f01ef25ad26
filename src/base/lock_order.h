#ifndef DAYBOOK_BASE_LOCK_ORDER_H_
#define DAYBOOK_BASE_LOCK_ORDER_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace daybook::inline v1 {

// In which order a thread takes locks: while it holds one, it takes those alone that stand behind
// it here, and never a second one of the same place. Debug builds abort where that is not so.
// What has no place here is not checked. Mostly it is a leaf, under which nothing else is taken;
// under a name of TransactionNames the offsets are.
enum class LockOrder : std::uint8_t {
  kUnchecked,
  kBrokerClose,        // DirectoryLease: one thread closes
  kBrokerCreate,       // BrokerCore: one topic is made or deleted at a time
  kGroups,             // GroupRegistry: which groups there are
  kGroup,              // GroupCoordinator
  kRetention,          // RetentionWorker: one partition at a time
  kOffsetCompaction,   // OffsetStore: one compaction at a time
  kOffsets,            // OffsetStore
  kCatalogChange,      // Catalog: a topic is made, changed or deleted
  kCatalog,            // Catalog
  kProducerSequences,  // of a log, as all that follow
  kDroppedFiles,
  kSegmentPreparer,
  kLog,            // SegmentList: the log's lock
  kSegmentGrowth,  // SegmentFile: the size of a file changes
  kSegmentFile,    // SegmentFile
};

// `held`: a bit for each place. Whether a thread that holds these may take that one.
constexpr bool MayTake(std::uint32_t held, LockOrder order) {
  return order == LockOrder::kUnchecked || (held >> static_cast<unsigned>(order)) == 0;
}

#if !defined(NDEBUG)
// Of this thread.
inline thread_local std::uint32_t held_locks = 0;

inline void NoteLocked(LockOrder order) {
  if (!MayTake(held_locks, order)) {
    std::fprintf(stderr, "lock %u is taken while locks 0x%x are held: see base/lock_order.h\n",
                 static_cast<unsigned>(order), held_locks);
    std::abort();
  }
  if (order != LockOrder::kUnchecked)
    held_locks |= std::uint32_t{1} << static_cast<unsigned>(order);
}
inline void NoteUnlocked(LockOrder order) {
  if (order != LockOrder::kUnchecked)
    held_locks &= ~(std::uint32_t{1} << static_cast<unsigned>(order));
}
#else
inline void NoteLocked(LockOrder) {}
inline void NoteUnlocked(LockOrder) {}
#endif

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_LOCK_ORDER_H_
