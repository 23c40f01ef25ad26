#ifndef DAYBOOK_BASE_MUTEX_H_
#define DAYBOOK_BASE_MUTEX_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "base/lock_order.h"
#include "base/scheduler.h"

namespace daybook::inline v1 {

// std::mutex with the attributes that clang's -Wthread-safety checks. Not absl::Mutex: the Abseil
// that systems ship is built without ThreadSanitizer, which then does not see its locks and
// reports races where there are none; std::mutex it knows.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
#if !defined(NDEBUG)
  explicit Mutex(LockOrder order) : order_(order) {}
#else
  explicit Mutex(LockOrder) {}
#endif

#if defined(DAYBOOK_INSTRUMENTED)
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (scheduler == nullptr) {
      NoteLocked(order_);
      return mutex_.lock();
    }
    scheduler->Point();
    scheduler->WaitUntil([this] { return !is_locked_; });
    is_locked_ = true;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (scheduler == nullptr) {
      NoteUnlocked(order_);
      return mutex_.unlock();
    }
    is_locked_ = false;
  }
#else
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    NoteLocked(order_);
    mutex_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    NoteUnlocked(order_);
    mutex_.unlock();
  }
#endif

 private:
  friend class CondVar;
  std::mutex mutex_;
#if !defined(NDEBUG)
  const LockOrder order_ = LockOrder::kUnchecked;
#else
  static constexpr LockOrder order_ = LockOrder::kUnchecked;  // a partition has many
#endif
#if defined(DAYBOOK_INSTRUMENTED)
  bool is_locked_ = false;  // by a fiber
#endif
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Wakes may be spurious: wait in a loop over the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
#if defined(DAYBOOK_INSTRUMENTED)
    if (scheduler != nullptr) return WaitForFiber(mutex);
#endif
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when the deadline has passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
#if defined(DAYBOOK_INSTRUMENTED)
    if (scheduler != nullptr) {  // deadlines never come
      WaitForFiber(mutex);
      return true;
    }
#endif
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool is_in_time = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return is_in_time;
  }
#if defined(DAYBOOK_INSTRUMENTED)
  void NotifyAll() {
    ++notified_;
    condition_.notify_all();
  }
#else
  void NotifyAll() { condition_.notify_all(); }
#endif

 private:
#if defined(DAYBOOK_INSTRUMENTED)
  void WaitForFiber(Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const int before = notified_;
    mutex.Unlock();
    scheduler->WaitUntil([&] { return notified_ != before; });
    mutex.Lock();
  }
  std::atomic<int> notified_{0};
#endif
  std::condition_variable condition_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_MUTEX_H_
