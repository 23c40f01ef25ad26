#include "daybook/system/clock.h"

#include "base/system_clock.h"

namespace daybook::inline v1 {

std::chrono::steady_clock::time_point Clock::MonotonicNow() noexcept {
  return std::chrono::steady_clock::now();
}

constinit SystemClock system_clock;

Clock& Clock::System() { return system_clock; }

}  // namespace daybook::inline v1
