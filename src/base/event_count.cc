#include "base/event_count.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace daybook::inline v1 {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kUnderThreadSanitizer = true;
#elif defined(__has_feature)
constexpr bool kUnderThreadSanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool kUnderThreadSanitizer = false;
#endif

bool RegisterMembarrier() {
  return !kUnderThreadSanitizer &&
         syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

// Before main, once; false until then, which is the safe value.
const bool WaitList::kHasMembarrier = RegisterMembarrier();

void WaitList::BarrierOfWaiter() {
  if (kHasMembarrier) {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

EventCount::Key EventCount::PrepareWait() {
  const Key key = key_.load(std::memory_order_acquire);
  WaitList::BarrierOfWaiter();
  return key;
}

bool EventCount::CommitWait(Key key, std::chrono::steady_clock::time_point deadline) {
  // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, which is libstdc++'s and libc++'s
  // steady_clock on Linux.
#if defined(DAYBOOK_INSTRUMENTED)
  if (scheduler != nullptr) {  // deadlines never come
    scheduler->WaitUntil([&] { return key_.load(std::memory_order_acquire) != key; });
    return true;
  }
#endif
  const auto since_boot =
      std::max(deadline.time_since_epoch(), std::chrono::steady_clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  const timespec until{
      .tv_sec = static_cast<time_t>(seconds.count()),
      .tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count())};
  while (key_.load(std::memory_order_acquire) == key) {
    const long result = syscall(SYS_futex, &key_, FUTEX_WAIT_BITSET_PRIVATE, key, &until, nullptr,
                                FUTEX_BITSET_MATCH_ANY);
    if (result == -1 && errno == ETIMEDOUT) return false;
  }
  return true;
}

void EventCount::Notify() {
  if (int fd = armed_.load(); fd != kNotArmed) {
    if (fd != kSignalled && armed_.compare_exchange_strong(fd, kSignalled)) {
      eventfd_write(fd, 1);  // fails only if it is readable already
    }
    return;
  }
  key_.fetch_add(1, std::memory_order_release);
#if defined(DAYBOOK_INSTRUMENTED)
  if (scheduler != nullptr) return;
#endif
  syscall(SYS_futex, &key_, FUTEX_WAKE_PRIVATE, 0x7fffffff, nullptr, nullptr, 0);
}

void WaitList::NotifyAll() {
  MutexLock lock(mutex_);
  for (EventCount* event : events_) event->Notify();
}

}  // namespace daybook::inline v1
