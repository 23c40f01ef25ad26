#include "broker/transactions/transaction_names.h"

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {

TransactionNames::Holder::~Holder() {
  if (names_ == nullptr) return;
  name_.reset();
  MutexLock lock(names_->mutex_);
  const auto found = names_->names_.find(text_);
  if (found != names_->names_.end() && found->second.expired()) names_->names_.erase(found);
}

void TransactionNames::Raise(std::string_view name, Holder& holder) {
  std::shared_ptr<Name> shared;
  {
    MutexLock lock(mutex_);
    std::weak_ptr<Name>& known = names_[std::string(name)];
    shared = known.lock();
    if (shared == nullptr) known = shared = std::make_shared<Name>();
  }
  MutexLock lock(shared->mutex);
  holder.names_ = this;
  holder.text_ = std::string(name);
  holder.epoch_ = ++shared->epoch;
  holder.name_ = shared;
}

absl::Status TransactionNames::WhileCurrent(const Holder& holder,
                                            const std::function<absl::Status()>& decide) {
  Name& name = *holder.name_;
  MutexLock lock(name.mutex);
  if (name.epoch != holder.epoch_ && !IsPlanted(PlantedBug::kNoFencingByName)) {
    return absl::AbortedError(absl::StrCat("a later transaction named ", holder.text_,
                                           " has begun; nothing of this one was committed"));
  }
  return decide();
}

std::size_t TransactionNames::size() const {
  MutexLock lock(mutex_);
  return names_.size();
}

}  // namespace daybook::inline v1
