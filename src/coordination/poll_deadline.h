#ifndef DAYBOOK_COORDINATION_POLL_DEADLINE_H_
#define DAYBOOK_COORDINATION_POLL_DEADLINE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace daybook::inline v1 {

// When the members of a group are lost unless they poll. A Poll moves its own deadline with one
// store and looks at the group's with one load; nobody takes a lock until somebody may be lost.

using MonotonicTime = std::chrono::steady_clock::time_point;

// One member's. Its own thread moves it, any thread looks.
class PollDeadline {
 public:
  // A longer interval is no interval, and does not overflow.
  explicit PollDeadline(std::chrono::nanoseconds interval)
      : interval_(std::min<std::chrono::nanoseconds>(interval, std::chrono::hours(876'000))) {}

  std::chrono::nanoseconds interval() const { return interval_; }

  // For one that runs: it only becomes later, so nobody needs to know soon.
  void Restart(MonotonicTime now) { at_.store(now + interval_, std::memory_order_relaxed); }
  // From now on the member waits in Poll, and cannot be lost.
  void Stop() { at_.store(MonotonicTime::max()); }
  // The first time, and after Stop; FirstDeadline::Include comes next.
  void Start(MonotonicTime now) { at_.store(now + interval_); }

  MonotonicTime at() const { return at_.load(); }
  bool IsOver(MonotonicTime now) const { return now >= at_.load(std::memory_order_relaxed); }

 private:
  const std::chrono::nanoseconds interval_;
  std::atomic<MonotonicTime> at_{MonotonicTime::max()};
};

// The first of a group's, or an earlier time: members move theirs without telling.
class FirstDeadline {
 public:
  bool MayBeOver(MonotonicTime now) const { return now >= at_.load(std::memory_order_relaxed); }

  // To be called with a deadline that was stopped or is new, after it was stored. (Looking through
  // all of them begins with Reset, so that whichever comes later has both.)
  void Include(MonotonicTime at, std::chrono::nanoseconds interval) {
    Lower(at_, at);
    Lower(shortest_, interval);
  }
  void Reset() {
    at_.store(MonotonicTime::max());
    shortest_.store(std::chrono::nanoseconds::max());
  }

  // Until when at most who looks after the others may sleep: a deadline that starts meanwhile is
  // not over earlier.
  MonotonicTime SleepUntil(MonotonicTime now) const {
    const auto longest = MonotonicTime::max() - now;
    return std::min(at_.load(),
                    now + std::min<std::chrono::nanoseconds>(shortest_.load(), longest));
  }

 private:
  template <typename Value>
  static void Lower(std::atomic<Value>& to, Value value) {
    Value before = to.load();
    while (value < before && !to.compare_exchange_weak(before, value)) {
    }
  }

  std::atomic<MonotonicTime> at_{MonotonicTime::max()};
  std::atomic<std::chrono::nanoseconds> shortest_{std::chrono::nanoseconds::max()};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_POLL_DEADLINE_H_
