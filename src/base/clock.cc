#include "daybook/clock.h"

#include <ctime>

namespace daybook::inline v1 {
namespace {

class SystemClock final : public Clock {
 public:
  Timestamp Now() noexcept override {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return Timestamp(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
};

}  // namespace

std::chrono::steady_clock::time_point Clock::MonotonicNow() noexcept {
  return std::chrono::steady_clock::now();
}

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace daybook::inline v1
