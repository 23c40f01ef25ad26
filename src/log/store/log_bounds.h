#ifndef DAYBOOK_LOG_STORE_LOG_BOUNDS_H_
#define DAYBOOK_LOG_STORE_LOG_BOUNDS_H_

#include <atomic>
#include <cstdint>
#include <limits>

#include "daybook/offset.h"

namespace daybook::inline v1 {

// What readers may see of a log, beside what its segments hold: from the log start offset on, and
// before the visible end. Readers look once a batch. Thread-safe, without a lock.
//
// Invariant: start() never goes back. It is the caller who makes it durable first.
class LogBounds {
 public:
  // Records before it are deleted, whether their segment is still there or not. 0: none.
  Offset start() const { return Offset(start_.load(std::memory_order_relaxed)); }
  void RaiseStart(Offset start) {
    std::int64_t before = start_.load(std::memory_order_relaxed);
    while (before < start.value() && !start_.compare_exchange_weak(before, start.value())) {
    }
  }

  // Records from there on are not for readers yet, though they are committed: others have to have
  // them first. The highest offset there is: nothing is held back.
  Offset visible_end() const { return Offset(visible_end_.load(std::memory_order_relaxed)); }
  void SetVisibleEnd(Offset end) { visible_end_.store(end.value()); }

 private:
  std::atomic<std::int64_t> start_{0};
  std::atomic<std::int64_t> visible_end_{std::numeric_limits<std::int64_t>::max()};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_LOG_BOUNDS_H_
