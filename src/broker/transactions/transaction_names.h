#ifndef DAYBOOK_BROKER_TRANSACTIONS_TRANSACTION_NAMES_H_
#define DAYBOOK_BROKER_TRANSACTIONS_TRANSACTION_NAMES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace daybook::inline v1 {

// Who may commit under a name: only the one who began last. Each that begins raises the epoch of
// the name, so a late commit of an earlier one cannot hit it. The process that has the directory
// open is the only one that writes to it, so this needs no disk. A name is forgotten when no
// transaction of it is there any more; those of other names wait for nothing. Thread-safe.
class TransactionNames {
  struct Name {
    Mutex mutex;
    std::uint64_t epoch ABSL_GUARDED_BY(mutex) = 0;
  };

 public:
  // A transaction's share in its name. Must not outlive the names.
  class Holder {
   public:
    Holder() = default;
    ~Holder();
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

   private:
    friend class TransactionNames;
    TransactionNames* names_ = nullptr;
    std::string text_;
    std::shared_ptr<Name> name_;
    std::uint64_t epoch_ = 0;
  };

  // The name is `holder`'s from now on, which has none so far. Waits for a commit of that name that
  // is being decided.
  void Raise(std::string_view name, Holder& holder) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs `decide` while nobody can take the name; Aborted: somebody has.
  static absl::Status WhileCurrent(const Holder& holder,
                                   const std::function<absl::Status()>& decide);

  std::size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::weak_ptr<Name>, std::less<>> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TRANSACTIONS_TRANSACTION_NAMES_H_
