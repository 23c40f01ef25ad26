#ifndef DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_
#define DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "daybook/offset.h"
#include "log/log_context.h"
#include "log/read/undecided_transactions.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// Which transactional frames of one log count. A transaction is decided elsewhere, by one record
// for all its partitions; here its frames only name it. Thread-safe.
class LogTransactions {
 public:
  using Decision = TransactionTable::Decision;

  // `context` must outlive this. `is_internal`: see LogSettings.
  LogTransactions(const LogContext& context, bool is_internal)
      : context_(context), is_internal_(is_internal) {}

  // Of a transactional frame.
  Decision Of(const std::byte* frame) const;
  // The same of the frame at `position`, if it is whole and transactional.
  std::optional<Decision> At(Segment& segment, std::uint64_t position) const;
  // The first record of an undecided transaction that was appended here; none: beyond every offset.
  Offset FirstUndecided() { return undecided_.First(context_.transactions); }
  // See UndecidedTransactions.
  void Note(Offset first, UndecidedTransactions::Prepared frame) {
    undecided_.Note(first, std::move(frame));
  }

 private:
  const LogContext& context_;
  const bool is_internal_;
  UndecidedTransactions undecided_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_LOG_TRANSACTIONS_H_
