#include "broker/transaction_names.h"

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {

std::uint64_t TransactionNames::Raise(std::string_view name) {
  MutexLock lock(mutex_);
  return ++epochs_[std::string(name)];
}

absl::Status TransactionNames::WhileCurrent(std::string_view name, std::uint64_t epoch,
                                            const std::function<absl::Status()>& decide) {
  MutexLock lock(mutex_);
  const auto found = epochs_.find(name);
  const bool is_current = found != epochs_.end() && found->second == epoch;
  if (!is_current && !IsPlanted(PlantedBug::kNoFencingByName)) {
    return absl::AbortedError(absl::StrCat("a later transaction named ", std::string(name),
                                           " has begun; nothing of this one was committed"));
  }
  return decide();
}

}  // namespace daybook::inline v1
