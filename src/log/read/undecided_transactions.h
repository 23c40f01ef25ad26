#ifndef DAYBOOK_LOG_READ_UNDECIDED_TRANSACTIONS_H_
#define DAYBOOK_LOG_READ_UNDECIDED_TRANSACTIONS_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "log/read/transaction_table.h"

namespace daybook::inline v1 {

// The transactional frames of a log that nobody is known to have decided. Thread-safe.
class UndecidedTransactions {
 public:
  struct Frame {
    Offset first;
    std::uint64_t id = 0;
  };
  // What is noted of a frame, made before it is claimed: from then on nothing may take memory.
  using Prepared = std::list<Frame>;

  // Before the frame at `first` is committed, so that who sees it finds it here. Throws nothing.
  void Note(Offset first, Prepared frame) ABSL_LOCKS_EXCLUDED(mutex_) {
    frame.front().first = first;
    MutexLock lock(mutex_);
    frames_.splice(frames_.end(), frame);
  }
  // The first of them; beyond every offset if there is none. Forgets those that are decided.
  Offset First(const TransactionTable* table) ABSL_LOCKS_EXCLUDED(mutex_) {
    Offset first(std::numeric_limits<std::int64_t>::max());
    MutexLock lock(mutex_);
    std::erase_if(frames_, [table](const Frame& frame) {
      return table == nullptr || table->Of(frame.id) != TransactionTable::Decision::kUndecided;
    });
    for (const Frame& frame : frames_) first = std::min(first, frame.first);
    return first;
  }

 private:
  Mutex mutex_;
  std::list<Frame> frames_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_UNDECIDED_TRANSACTIONS_H_
