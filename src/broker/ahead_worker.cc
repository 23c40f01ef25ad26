#include "broker/ahead_worker.h"

#include <utility>

namespace daybook::inline v1 {

void AheadWorker::Request(std::shared_ptr<PartitionLog> log) {
  MutexLock lock(mutex_);
  if (is_stopped_) return;
  requests_.push_back(std::move(log));
  if (mode_ == Background::kThread && !thread_.joinable()) {
    thread_ = std::thread([this] { Loop(); });
  }
  changed_.NotifyAll();
}

void AheadWorker::RunNow() {
  std::vector<std::shared_ptr<PartitionLog>> logs;
  {
    MutexLock lock(mutex_);
    logs.swap(requests_);
  }
  for (const std::shared_ptr<PartitionLog>& log : logs) {
    while (log->WorkAhead()) {
    }
  }
}

void AheadWorker::Loop() {
  std::vector<std::shared_ptr<PartitionLog>> logs;
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!is_stopped_ && requests_.empty() && logs.empty()) changed_.Wait(mutex_);
      if (is_stopped_) return;
      logs.insert(logs.end(), requests_.begin(), requests_.end());
      requests_.clear();
    }
    // One step each, so that none is kept waiting by another.
    std::erase_if(logs, [](const std::shared_ptr<PartitionLog>& log) { return !log->WorkAhead(); });
  }
}

void AheadWorker::Stop() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    requests_.clear();
    thread = std::exchange(thread_, std::thread());
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

}  // namespace daybook::inline v1
