#include "broker/background/ahead_worker.h"

#include <new>
#include <system_error>

#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

// One step; true when there is more to do.
bool WorkOn(PartitionLog& log) {
  try {
    return log.WorkAhead();
  } catch (const std::bad_alloc&) {
    return false;  // appends do it for themselves
  }
}

}  // namespace

absl::Status AheadWorker::Start(ThreadFactory& threads) {
  if (IsPlanted(PlantedBug::kStartsThreadInAppend) && late_threads_ == nullptr) {
    late_threads_ = &threads;
    return absl::OkStatus();
  }
  return thread_.Start(threads, [this] { Loop(); });
}

void AheadWorker::Request(PartitionLog& log) {
  if (IsPlanted(PlantedBug::kStartsThreadInAppend) && late_threads_ != nullptr &&
      !Start(*late_threads_).ok()) {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  }
  MutexLock lock(mutex_);
  if (is_stopped_) return;
  requests_.Push(log.shared_from_this(), log.background().ahead);
  changed_.NotifyAll();
}

std::shared_ptr<PartitionLog> AheadWorker::Take() {
  MutexLock lock(mutex_);
  return requests_.empty() ? nullptr : requests_.Pop();
}

void AheadWorker::RunNow() {
  while (const std::shared_ptr<PartitionLog> log = Take()) {
    while (WorkOn(*log)) {
    }
  }
}

void AheadWorker::Loop() {
  for (;;) {
    std::shared_ptr<PartitionLog> log;
    {
      MutexLock lock(mutex_);
      while (!is_stopped_ && requests_.empty()) changed_.Wait(mutex_);
      if (is_stopped_) return;
      log = requests_.Pop();
    }
    // One step each, so that none is kept waiting by another.
    if (WorkOn(*log)) Request(*log);
  }
}

void AheadWorker::Stop() {
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    requests_.Clear();
    changed_.NotifyAll();
  }
  thread_.Join();
}

}  // namespace daybook::inline v1
