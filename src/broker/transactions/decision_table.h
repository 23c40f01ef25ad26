#ifndef DAYBOOK_BROKER_TRANSACTIONS_DECISION_TABLE_H_
#define DAYBOOK_BROKER_TRANSACTIONS_DECISION_TABLE_H_

#include <cstdint>
#include <functional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "broker/transactions/id_set.h"
#include "log/read/transaction_table.h"

namespace daybook::inline v1 {

// Which transactions were committed. Their ids rise: the high half counts how often the directory
// was opened for writing, and once more for each time that the low half, the transactions since
// then, was used up. So one of an earlier open that
// is not known to be committed never will be, and one of this open that is not under way has
// failed. Thread-safe.
class DecisionTable final : public TransactionTable {
 public:
  static constexpr int kEpochShift = 32;

  // For a directory that another process writes. Called with no lock held.
  struct Writer {
    // Reads what it has decided meanwhile; false: that cannot be read.
    std::function<bool()> refresh;
    // No process has the directory open for writing.
    std::function<bool()> is_gone;
  };
  void Follow(Writer writer) { writer_ = std::move(writer); }

  // Of a follower: a transaction whose process is dead, and that it left undecided, has failed, as
  // the next process that writes will find, too.
  Decision Of(std::uint64_t id) const override ABSL_LOCKS_EXCLUDED(mutex_);

  // What is read from the log.
  void LearnCommitted(std::uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);
  void LearnCommitted(const IdSet& ids) ABSL_LOCKS_EXCLUDED(mutex_);
  // All transactions of earlier epochs are decided. `begun`: so many of this one have been.
  void StartEpoch(std::uint64_t epoch, std::uint64_t begun = 0) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether there is no other id in this epoch.
  bool is_epoch_used_up() const ABSL_LOCKS_EXCLUDED(mutex_);
  // False, and nothing was done, while a transaction is under way.
  bool StartNextEpoch() ABSL_LOCKS_EXCLUDED(mutex_);
  std::uint64_t epoch() const ABSL_LOCKS_EXCLUDED(mutex_);
  IdSet committed() const ABSL_LOCKS_EXCLUDED(mutex_);

  // A new transaction of this epoch, undecided until it ends. Not when that is used up.
  std::uint64_t Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  // Throws nothing, also when memory has run out. It is as it was if the transaction has ended.
  void End(std::uint64_t id, Decision decision) noexcept ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Decision Look(std::uint64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);

  Writer writer_;
  mutable Mutex mutex_;
  IdSet committed_ ABSL_GUARDED_BY(mutex_);
  // Committed ones that there was no memory for in committed_.
  std::set<std::uint64_t> late_ ABSL_GUARDED_BY(mutex_);
  std::set<std::uint64_t> undecided_ ABSL_GUARDED_BY(mutex_);  // of this epoch
  // All of earlier ones are decided.
  mutable std::uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;  // in this epoch
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TRANSACTIONS_DECISION_TABLE_H_
