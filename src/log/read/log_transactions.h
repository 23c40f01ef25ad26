#ifndef DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_
#define DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "daybook/offset.h"
#include "log/log_context.h"
#include "log/read/transaction_table.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// Which transactional frames of one log count. A transaction is decided elsewhere, by one record
// for all its partitions; here its frames only name it. Thread-safe.
class LogTransactions {
 public:
  using Decision = TransactionTable::Decision;
  struct Frame {
    Offset first;
    std::uint64_t id = 0;
  };
  // What is noted of a frame, made before it is claimed: from then on nothing may take memory.
  using Prepared = std::list<Frame>;

  // `context` must outlive this. `is_internal`: see LogSettings.
  LogTransactions(const LogContext& context, bool is_internal)
      : context_(context), is_internal_(is_internal) {}

  // Of a transactional frame.
  Decision Of(const std::byte* frame) const;
  // The same of the frame at `position`, if it is whole and transactional.
  std::optional<Decision> At(Segment& segment, std::uint64_t position) const;
  // Before the frame at `first` is committed, so that who sees it finds it here. Throws nothing.
  void Note(Offset first, Prepared frame) ABSL_LOCKS_EXCLUDED(mutex_);
  // The first record of an undecided transaction that was noted; none: beyond every offset. Forgets
  // those that are decided.
  Offset FirstUndecided() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const LogContext& context_;
  const bool is_internal_;
  Mutex mutex_;
  std::list<Frame> undecided_ ABSL_GUARDED_BY(mutex_);  // that nobody is known to have decided
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_
