#include "broker/background/dirty_logs.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

namespace daybook::inline v1 {
namespace {

constexpr int kSmoothing = 8;

}  // namespace

void DirtyLogs::Add(PartitionLog& log, SteadyTime due) noexcept {
  QueuePlace& place = log.background().sync;
  if (place.log == nullptr) place.due = due;
  arrivals_.Push(log.shared_from_this(), place);
}

bool DirtyLogs::TakeArrivals() {
  try {
    while (!arrivals_.empty()) {
      heap_.reserve(heap_.size() == heap_.capacity() ? 2 * heap_.size() + 16 : heap_.capacity());
      const SteadyTime due = arrivals_.front().due;
      heap_.push_back({arrivals_.Pop(), due});
      std::push_heap(heap_.begin(), heap_.end(), IsLater);
    }
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

SteadyTime DirtyLogs::FirstStart() const {
  if (heap_.empty()) return SteadyTime::max();
  return Later(heap_.front().due, -sync_time_ * static_cast<std::int64_t>(heap_.size()));
}

std::shared_ptr<PartitionLog> DirtyLogs::Take() {
  std::pop_heap(heap_.begin(), heap_.end(), IsLater);
  std::shared_ptr<PartitionLog> log = std::move(heap_.back().log);
  heap_.pop_back();
  return log;
}

std::vector<DirtyLogs::Dirty> DirtyLogs::TakeAll() { return std::exchange(heap_, {}); }

void DirtyLogs::Clear() {
  arrivals_.Clear();
  heap_.clear();
}

void DirtyLogs::NoteSyncTime(std::chrono::nanoseconds time) {
  sync_time_ += (time - sync_time_) / kSmoothing;
}

}  // namespace daybook::inline v1
