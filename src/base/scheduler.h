#ifndef DAYBOOK_BASE_SCHEDULER_H_
#define DAYBOOK_BASE_SCHEDULER_H_

#include <atomic>
#include <cstdint>

#if defined(DAYBOOK_INSTRUMENTED)
#include <functional>
#endif

// Where the tests decide which thread goes on. The instrumented variant of the library, which
// `daybook-torture-instrumented` links, asks a Scheduler before each access to an Atomic and each
// wait; then all threads are fibers of one, and every order of their steps can be run. In every
// other build an Atomic is a std::atomic, and nothing else of this is left.

namespace daybook::inline v1 {

#if defined(DAYBOOK_INSTRUMENTED)

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // Another thread may go on here.
  virtual void Point() = 0;
  // Goes on once `is_ready`, which others bring about.
  virtual void WaitUntil(const std::function<bool()>& is_ready) = 0;
};

// Null: threads are threads. Set and reset while there is one thread alone.
inline Scheduler* scheduler = nullptr;

inline void SchedulingPoint() {
  if (scheduler != nullptr) scheduler->Point();
}

// What the log uses of std::atomic.
template <typename T>
class Atomic {
 public:
  Atomic() = default;
  constexpr Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order = std::memory_order_seq_cst) const {
    SchedulingPoint();
    return value_.load(order);
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) {
    SchedulingPoint();
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst) {
    SchedulingPoint();
    return value_.exchange(value, order);
  }
  template <typename U>
  T fetch_add(U by, std::memory_order order = std::memory_order_seq_cst) {
    SchedulingPoint();
    return value_.fetch_add(by, order);
  }
  template <typename U>
  T fetch_sub(U by, std::memory_order order = std::memory_order_seq_cst) {
    SchedulingPoint();
    return value_.fetch_sub(by, order);
  }
  template <typename... Orders>
  bool compare_exchange_strong(T& expected, T desired, Orders... orders) {
    SchedulingPoint();
    return value_.compare_exchange_strong(expected, desired, orders...);
  }

 private:
  std::atomic<T> value_{};
};

#else

inline void SchedulingPoint() {}

template <typename T>
using Atomic = std::atomic<T>;

#endif

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_SCHEDULER_H_
