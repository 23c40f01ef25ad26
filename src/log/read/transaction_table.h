#ifndef DAYBOOK_LOG_READ_TRANSACTION_TABLE_H_
#define DAYBOOK_LOG_READ_TRANSACTION_TABLE_H_

#include <cstdint>

namespace daybook::inline v1 {

// Who knows how transactions ended. A log asks it whenever it comes to a transactional batch, so an
// answer costs no more than a look-up. Thread-safe.
//
// What was decided stays decided. kUndecided is for what may still be decided while the log is
// open: readers stop there until it is, and PartitionLog::Announce wakes them.
class TransactionTable {
 public:
  enum class Decision { kUndecided, kCommitted, kAborted };

  virtual ~TransactionTable() = default;
  virtual Decision Of(std::uint64_t id) const = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_TRANSACTION_TABLE_H_
