#ifndef DAYBOOK_BROKER_DECISION_TABLE_H_
#define DAYBOOK_BROKER_DECISION_TABLE_H_

#include <cstdint>
#include <functional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "broker/id_set.h"
#include "log/transaction_table.h"

namespace daybook::inline v1 {

// Which transactions were committed. Their ids rise: the high half counts how often the directory
// was opened for writing, and once more for each time that the low half, the transactions since
// then, was used up. So one of an earlier open that
// is not known to be committed never will be, and one of this open that is not under way has
// failed. Thread-safe.
class DecisionTable final : public TransactionTable {
 public:
  static constexpr int kEpochShift = 32;

  // For a directory that another process writes: reads what that one has decided meanwhile. Called
  // with no lock held.
  void SetRefresh(std::function<void()> refresh) { refresh_ = std::move(refresh); }

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
  void End(std::uint64_t id, Decision decision) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Decision Look(std::uint64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);

  std::function<void()> refresh_;
  mutable Mutex mutex_;
  IdSet committed_ ABSL_GUARDED_BY(mutex_);
  std::set<std::uint64_t> undecided_ ABSL_GUARDED_BY(mutex_);  // of this epoch
  std::uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;  // in this epoch
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_DECISION_TABLE_H_
