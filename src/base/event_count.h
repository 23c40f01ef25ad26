#ifndef DAYBOOK_BASE_EVENT_COUNT_H_
#define DAYBOOK_BASE_EVENT_COUNT_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/scheduler.h"

namespace daybook::inline v1 {

// Park and wake. One thread waits for something that any number of others may bring about:
//
//   waiter                                       others
//     list.Register(&event);                       make the condition true;
//     for (;;) {                                   list.NotifyIfAny();
//       auto key = event.PrepareWait();
//       if (condition) break;
//       if (!event.CommitWait(key, deadline)) break;  // timed out
//     }
//     list.Unregister(&event);
//
// Memory ordering. A wake is lost if the waiter reads the condition before the other makes it true
// and the other reads the list before the waiter is in it: both must not happen, which takes a
// full barrier between the write and the read on either side. Others run all the time and waiters
// seldom, so the barrier of both is paid by the waiter: PrepareWait makes the kernel run one on
// every core that runs a thread of this process (membarrier(2), private expedited). NotifyIfAny
// then costs one relaxed load and a compiler barrier. Where there is no membarrier, and under
// ThreadSanitizer, both sides use a fence.
class EventCount {
 public:
  using Key = std::uint32_t;

  EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  // What happens from here on is not missed by CommitWait.
  Key PrepareWait();
  // The same where nobody leaves the Notify out because nobody seems to wait: without the barrier,
  // and for any number of threads.
  Key PrepareForCertainNotify() const { return key_.load(std::memory_order_acquire); }
  // Sleeps until a Notify that came after PrepareWait; false if the deadline came first.
  bool CommitWait(Key key, std::chrono::steady_clock::time_point deadline);
  // Wakes whoever waits.
  void Notify();

  // For who waits for a descriptor of eventfd(2) instead: the next Notify makes it readable, and
  // those after it cost no system call. Followed by PrepareWait and a look at the condition.
  void Arm(int fd) { armed_.store(fd); }
  // When nobody can call Notify any more, but for the one who arms.
  void Disarm() { armed_.store(kNotArmed); }

 private:
  static constexpr int kNotArmed = -1;
  static constexpr int kSignalled = -2;

  Atomic<Key> key_{0};
  Atomic<int> armed_{kNotArmed};
};

// Who is to be told that something happened.
class WaitList {
 public:
  void Register(EventCount* event) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    events_.push_back(event);
    count_.store(events_.size(), std::memory_order_relaxed);
  }
  // Afterwards no Notify of this list is under way.
  void Unregister(EventCount* event) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    events_.erase(std::find(events_.begin(), events_.end(), event));
    count_.store(events_.size(), std::memory_order_relaxed);
  }

  // To be called after what waiters wait for has become true.
  void NotifyIfAny() ABSL_LOCKS_EXCLUDED(mutex_) {
    if (kHasMembarrier) [[likely]] {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    if (count_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      NotifyAll();
  }

  // The waiter's side of the barrier in NotifyIfAny: between what the waiter stores and what it
  // looks at. Also for a condition of another kind that is looked at right after a NotifyIfAny.
  static void BarrierOfWaiter();

 private:
  static const bool kHasMembarrier;

  void NotifyAll() ABSL_LOCKS_EXCLUDED(mutex_);

  Atomic<std::size_t> count_{0};
  Mutex mutex_;
  std::vector<EventCount*> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_EVENT_COUNT_H_
