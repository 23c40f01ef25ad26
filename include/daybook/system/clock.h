#ifndef DAYBOOK_SYSTEM_CLOCK_H_
#define DAYBOOK_SYSTEM_CLOCK_H_

#include <atomic>
#include <chrono>

#include "daybook/export.h"

namespace daybook::inline v1 {

// Nanoseconds since 1970-01-01T00:00:00Z.
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

// What the timestamp of a record is, as in Kafka.
enum class TimestampType {
  kCreateTime,     // the one that its producer gave it; where there is none, the time of its append
  kLogAppendTime,  // the time of its append; the one that its producer gave it is not kept
};

// Where timestamps come from. A seam: give a ManualClock in BrokerOptions and every timestamp in
// the log is yours to choose. Thread-safe.
//
// The clock dates things and measures how long a member of a group did not poll; it does not wait.
// A wait with a deadline (Poll, Flush) always runs on the machine's steady clock, so that no clock
// step can make it longer or shorter.
class DAYBOOK_EXPORT Clock {
 public:
  virtual ~Clock() = default;

  // May step backwards, as wall clocks do. Readers of the log never rely on it for order.
  virtual Timestamp Now() noexcept = 0;

  // Never steps backwards, nor with the wall clock. The steady clock, if it is not overridden.
  virtual std::chrono::steady_clock::time_point MonotonicNow() noexcept;

  // CLOCK_REALTIME_COARSE: good to a scheduler tick (1 to 4 ms) for a few nanoseconds a call.
  // The precise clock costs more than the append that it would date.
  static Clock& System();
};

// A clock that stands still until it is moved.
class DAYBOOK_EXPORT ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp(std::chrono::seconds(1'000'000'000)))
      : now_(start.time_since_epoch().count()) {}

  Timestamp Now() noexcept override {
    return Timestamp(std::chrono::nanoseconds(now_.load(std::memory_order_relaxed)));
  }
  std::chrono::steady_clock::time_point MonotonicNow() noexcept override {
    return std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(monotonic_.load(std::memory_order_relaxed)));
  }
  // Both clocks; the monotonic one does not go back.
  void Advance(std::chrono::nanoseconds by) {
    now_.fetch_add(by.count(), std::memory_order_relaxed);
    if (by.count() > 0) monotonic_.fetch_add(by.count(), std::memory_order_relaxed);
  }
  // The wall clock alone.
  void Set(Timestamp now) { now_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::chrono::nanoseconds::rep> now_;
  std::atomic<std::chrono::nanoseconds::rep> monotonic_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SYSTEM_CLOCK_H_
