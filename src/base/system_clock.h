#ifndef DAYBOOK_BASE_SYSTEM_CLOCK_H_
#define DAYBOOK_BASE_SYSTEM_CLOCK_H_

#include <ctime>

#include "daybook/system/clock.h"

namespace daybook::inline v1 {

// What Clock::System() is.
class SystemClock final : public Clock {
 public:
  static Timestamp Read() noexcept {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return Timestamp(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
  Timestamp Now() noexcept override { return Read(); }
};

extern SystemClock system_clock;

// clock.Now(), without a virtual call where it is the system's: for each append.
inline Timestamp NowOf(Clock& clock) noexcept {
  return &clock == &system_clock ? SystemClock::Read() : clock.Now();
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_SYSTEM_CLOCK_H_
