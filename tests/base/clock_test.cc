#include "daybook/system/clock.h"

#include "base/system_clock.h"
#include "catch.h"

namespace daybook {

TEST_CASE("The system clock says what the precise one says, to a second") {
  const auto before = std::chrono::system_clock::now();
  const Timestamp now = Clock::System().Now();
  const auto after = std::chrono::system_clock::now();
  CHECK(now > before - std::chrono::seconds(1));
  CHECK(now < after + std::chrono::seconds(1));
}

TEST_CASE("What a clock says is the same with and without a virtual call") {
  const Timestamp before = Clock::System().Now();
  const Timestamp now = NowOf(Clock::System());
  CHECK(now >= before - std::chrono::seconds(1));
  CHECK(now <= Clock::System().Now() + std::chrono::seconds(1));
  ManualClock manual(Timestamp(std::chrono::seconds(100)));
  CHECK(NowOf(manual) == Timestamp(std::chrono::seconds(100)));
}

TEST_CASE("A manual clock stands still until it is moved") {
  ManualClock clock(Timestamp(std::chrono::seconds(100)));
  CHECK(clock.Now() == Timestamp(std::chrono::seconds(100)));
  CHECK(clock.Now() == Timestamp(std::chrono::seconds(100)));
  clock.Advance(std::chrono::milliseconds(5));
  CHECK(clock.Now() == Timestamp(std::chrono::milliseconds(100'005)));
  clock.Advance(std::chrono::seconds(-200));
  CHECK(clock.Now() < Timestamp());
  clock.Set(Timestamp(std::chrono::seconds(7)));
  CHECK(clock.Now() == Timestamp(std::chrono::seconds(7)));
}

TEST_CASE("A monotonic clock goes with the steady one, a manual one only forwards") {
  const auto before = std::chrono::steady_clock::now();
  const auto now = Clock::System().MonotonicNow();
  CHECK(now >= before);
  CHECK(now <= std::chrono::steady_clock::now());
  ManualClock clock;
  const auto start = clock.MonotonicNow();
  clock.Set(Timestamp(std::chrono::seconds(7)));
  clock.Advance(std::chrono::seconds(-200));
  CHECK(clock.MonotonicNow() == start);
  clock.Advance(std::chrono::seconds(3));
  CHECK(clock.MonotonicNow() == start + std::chrono::seconds(3));
}

}  // namespace daybook
