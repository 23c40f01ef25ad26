#ifndef DAYBOOK_SUPPORT_HOOKED_CLOCK_H_
#define DAYBOOK_SUPPORT_HOOKED_CLOCK_H_

#include <chrono>
#include <functional>

#include "daybook/system/clock.h"

namespace daybook {

// Calls back when it is asked for the time: in the middle of an append.
class HookedClock final : public Clock {
 public:
  Timestamp Now() noexcept override {
    if (on_now) on_now();
    return Timestamp(std::chrono::seconds(1'000'000'000));
  }
  std::function<void()> on_now;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_HOOKED_CLOCK_H_
