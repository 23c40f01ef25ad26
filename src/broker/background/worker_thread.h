#ifndef DAYBOOK_BROKER_BACKGROUND_WORKER_THREAD_H_
#define DAYBOOK_BROKER_BACKGROUND_WORKER_THREAD_H_

#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/broker.h"
#include "daybook/system/thread_factory.h"

namespace daybook::inline v1 {

// The thread of one part of a broker's background work, or none where the caller does that. Its
// owner has it end before Join. Thread-safe.
class WorkerThread {
 public:
  explicit WorkerThread(Background mode) : mode_(mode) {}

  // Runs `body` in it, if there is to be one. ResourceExhausted: there are no more threads.
  absl::Status Start(ThreadFactory& threads, std::function<void()> body)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    if (mode_ != Background::kThread) return absl::OkStatus();
    auto thread = threads.Start(std::move(body));
    if (!thread.ok()) return thread.status();
    MutexLock lock(mutex_);
    thread_ = *std::move(thread);
    return absl::OkStatus();
  }
  void Join() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::thread thread;
    {
      MutexLock lock(mutex_);
      thread = std::exchange(thread_, std::thread());
    }
    if (thread.joinable()) thread.join();
  }

 private:
  const Background mode_;
  Mutex mutex_;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_WORKER_THREAD_H_
