#ifndef DAYBOOK_BROKER_TRANSACTION_NAMES_H_
#define DAYBOOK_BROKER_TRANSACTION_NAMES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace daybook::inline v1 {

// Who may commit under a name: only the one who began last. Each that begins raises the epoch of
// the name, so a late commit of an earlier one cannot hit it. The process that has the directory
// open is the only one that writes to it, so this needs no disk. Thread-safe.
class TransactionNames {
 public:
  // The new epoch of that name. Waits for a commit that is being decided.
  std::uint64_t Raise(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs `decide` while nobody can raise the epoch; Aborted: somebody has.
  absl::Status WhileCurrent(std::string_view name, std::uint64_t epoch,
                            const std::function<absl::Status()>& decide)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> epochs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_TRANSACTION_NAMES_H_
