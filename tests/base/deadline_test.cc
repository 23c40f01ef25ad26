#include "base/deadline.h"

#include "catch.h"
#include "daybook/time_span.h"

namespace daybook {

TEST_CASE("The longest durations of every unit are the longest time, and never negative") {
  using std::chrono::nanoseconds;
  CHECK(TimeSpan(std::chrono::hours::max()).nanoseconds() == nanoseconds::max());
  CHECK(TimeSpan(std::chrono::seconds::max()).nanoseconds() == nanoseconds::max());
  CHECK(TimeSpan(std::chrono::nanoseconds::max()).nanoseconds() == nanoseconds::max());
  CHECK(TimeSpan(std::chrono::duration<double>(1e300)).nanoseconds() == nanoseconds::max());
  CHECK(TimeSpan(std::chrono::hours::min()).nanoseconds() == nanoseconds::min());
  CHECK(TimeSpan(std::chrono::hours(876'000)).nanoseconds() == std::chrono::hours(876'000));
  CHECK(TimeSpan(std::chrono::milliseconds(3)).nanoseconds() == nanoseconds(3'000'000));
  CHECK(TimeSpan().nanoseconds() == nanoseconds(0));
}

TEST_CASE("A deadline beyond the end of time is the end of time") {
  const SteadyTime now = std::chrono::steady_clock::now();
  CHECK(Later(now, std::chrono::nanoseconds::max()) == SteadyTime::max());
  CHECK(Later(now, std::chrono::nanoseconds::min()) < now);
  CHECK(Later(SteadyTime::max(), std::chrono::nanoseconds(1)) == SteadyTime::max());
  CHECK(Later(SteadyTime::min(), -std::chrono::nanoseconds(1)) == SteadyTime::min());
  CHECK(Later(now, -std::chrono::seconds(1)) == now - std::chrono::seconds(1));
  CHECK(Later(SteadyTime::min(), std::chrono::nanoseconds::max()) < SteadyTime::max());
  CHECK(Later(now, std::chrono::seconds(1)) == now + std::chrono::seconds(1));
  CHECK(DeadlineAfter(TimeSpan(std::chrono::hours::max())) == SteadyTime::max());
}

}  // namespace daybook
