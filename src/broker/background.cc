#include "broker/background.h"

#include <algorithm>
#include <map>

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::seconds kSyncTimeout{30};

}  // namespace

BackgroundWork::~BackgroundWork() { Stop(); }

void BackgroundWork::SyncLater(std::shared_ptr<PartitionLog> log, std::chrono::nanoseconds delay) {
  MutexLock lock(mutex_);
  if (is_stopped_) return;
  dirty_.push_back({std::move(log), std::chrono::steady_clock::now() + delay});
  StartThread();
  changed_.NotifyAll();
}

void BackgroundWork::SyncSoon(std::shared_ptr<PartitionLog> log, Offset end, Done done) {
  {
    MutexLock lock(mutex_);
    if (!is_stopped_) {
      waiting_.push_back({std::move(log), end, std::move(done)});
      StartThread();
      changed_.NotifyAll();
      return;
    }
  }
  done(absl::CancelledError("the broker is closed"));
}

void BackgroundWork::StartThread() {
  if (mode_ == Background::kThread && !thread_.joinable()) {
    thread_ = std::thread([this] { Loop(); });
  }
}

void BackgroundWork::Loop() {
  mutex_.Lock();
  while (!is_stopped_) {
    const Time now = std::chrono::steady_clock::now();
    std::vector<Waiting> waiting = std::exchange(waiting_, {});
    std::vector<Dirty> due;
    Time next = Time::max();
    for (std::size_t i = 0; i < dirty_.size();) {
      if (dirty_[i].due <= now) {
        due.push_back(std::move(dirty_[i]));
        dirty_[i] = std::move(dirty_.back());
        dirty_.pop_back();
      } else {
        next = std::min(next, dirty_[i++].due);
      }
    }
    if (!waiting.empty() || !due.empty()) {
      mutex_.Unlock();
      // A failed sync makes its partition read-only: whoever writes to it is told.
      Run(std::move(waiting), std::move(due)).IgnoreError();
      mutex_.Lock();
    } else if (next != Time::max()) {
      changed_.WaitUntil(mutex_, next);
    } else {
      changed_.Wait(mutex_);
    }
  }
  mutex_.Unlock();
}

absl::Status BackgroundWork::Run(std::vector<Waiting> waiting, std::vector<Dirty> dirty) {
  absl::Status first_error;
  // One sync a partition, as far as its last waiter needs, and then all of them are told.
  std::map<PartitionLog*, Offset> ends;
  for (const Waiting& one : waiting) {
    Offset& end = ends[one.log.get()];
    end = std::max(end, one.end);
  }
  std::map<PartitionLog*, absl::Status> results;
  for (const auto& [log, end] : ends) {
    results[log] = log->WaitDurable(end, std::chrono::steady_clock::now() + kSyncTimeout);
    first_error.Update(results[log]);
  }
  for (const Waiting& one : waiting) one.done(results[one.log.get()]);
  for (const Dirty& one : dirty) first_error.Update(one.log->SyncDirty());
  return first_error;
}

absl::Status BackgroundWork::RunNow() {
  std::vector<Waiting> waiting;
  std::vector<Dirty> dirty;
  {
    MutexLock lock(mutex_);
    waiting.swap(waiting_);
    dirty.swap(dirty_);
  }
  return Run(std::move(waiting), std::move(dirty));
}

void BackgroundWork::Stop() {
  std::thread thread;
  std::vector<Waiting> waiting;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    waiting.swap(waiting_);
    dirty_.clear();
    thread = std::exchange(thread_, std::thread());
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
  for (const Waiting& one : waiting) one.done(absl::CancelledError("the broker is closed"));
}

}  // namespace daybook::inline v1
