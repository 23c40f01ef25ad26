#include "broker/transactions/decision_table.h"

#include <new>
#include <utility>

#include "base/planted_bug.h"

namespace daybook::inline v1 {

DecisionTable::Decision DecisionTable::Look(std::uint64_t id) const {
  MutexLock lock(mutex_);
  if (committed_.Contains(id) || late_.contains(id)) return Decision::kCommitted;
  if (id >> kEpochShift < epoch_) return Decision::kAborted;
  // Of a follower's writer all that is not decided yet is under way.
  return writer_.refresh || undecided_.contains(id) ? Decision::kUndecided : Decision::kAborted;
}

DecisionTable::Decision DecisionTable::Of(std::uint64_t id) const {
  const Decision decision = Look(id);
  if (decision != Decision::kUndecided || !writer_.refresh) return decision;
  if (!writer_.refresh()) return Decision::kUndecided;
  const Decision now = Look(id);
  if (now != Decision::kUndecided || !writer_.is_gone() || IsPlanted(PlantedBug::kEpochNotedLate)) {
    return now;
  }
  // Whoever began it has decided all that it ever will. It may have done so since we read.
  if (!writer_.refresh()) return Decision::kUndecided;
  if (const Decision last = Look(id); last != Decision::kUndecided) return last;
  MutexLock lock(mutex_);
  // One that nobody is known to have begun says nothing of others.
  if (id >> kEpochShift == epoch_) ++epoch_;
  return Decision::kAborted;
}

void DecisionTable::LearnCommitted(std::uint64_t id) {
  MutexLock lock(mutex_);
  committed_.Add(id);
}

void DecisionTable::LearnCommitted(const IdSet& ids) {
  MutexLock lock(mutex_);
  committed_.AddAll(ids);
}

void DecisionTable::StartEpoch(std::uint64_t epoch, std::uint64_t begun) {
  MutexLock lock(mutex_);
  epoch_ = epoch;
  begun_ = begun;
}

bool DecisionTable::is_epoch_used_up() const {
  MutexLock lock(mutex_);
  return begun_ >> kEpochShift != 0;
}

bool DecisionTable::StartNextEpoch() {
  MutexLock lock(mutex_);
  if (!undecided_.empty()) return false;
  ++epoch_;
  begun_ = 0;
  return true;
}

std::uint64_t DecisionTable::epoch() const {
  MutexLock lock(mutex_);
  return epoch_;
}

IdSet DecisionTable::committed() const {
  MutexLock lock(mutex_);
  IdSet all = committed_;
  for (const std::uint64_t id : late_) all.Add(id);
  return all;
}

std::uint64_t DecisionTable::Begin() {
  MutexLock lock(mutex_);
  const std::uint64_t id = epoch_ << kEpochShift | begun_++;
  undecided_.insert(id);
  return id;
}

void DecisionTable::End(std::uint64_t id, Decision decision) noexcept {
  MutexLock lock(mutex_);
  auto node = undecided_.extract(id);
  if (decision != Decision::kCommitted) return;
  // It is written down as committed already, so that must not fail.
  if (!node.empty()) late_.insert(std::move(node));
  try {
    committed_.Add(id);
    for (; !late_.empty(); late_.erase(late_.begin())) committed_.Add(*late_.begin());
  } catch (const std::bad_alloc&) {
    return;
  }
}

}  // namespace daybook::inline v1
