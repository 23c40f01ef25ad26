#ifndef DAYBOOK_TIME_SPAN_H_
#define DAYBOOK_TIME_SPAN_H_

#include <chrono>
#include <compare>

namespace daybook::inline v1 {

// How long: any std::chrono duration, as the nearest number of nanoseconds there is. What is longer
// than 292 years, std::chrono::hours::max() say, is that, and a wait for so long never ends; where
// nanoseconds are asked for, such a duration would overflow on its way and could come out negative.
class TimeSpan {
 public:
  constexpr TimeSpan() = default;
  template <typename Rep, typename Period>
  constexpr TimeSpan(std::chrono::duration<Rep, Period> span) : span_(Nearest(span)) {}

  constexpr std::chrono::nanoseconds nanoseconds() const { return span_; }
  constexpr operator std::chrono::nanoseconds() const { return span_; }
  friend constexpr auto operator<=>(const TimeSpan&, const TimeSpan&) = default;

 private:
  template <typename Rep, typename Period>
  static constexpr std::chrono::nanoseconds Nearest(std::chrono::duration<Rep, Period> span) {
    using Nanoseconds = std::chrono::nanoseconds;
    using Exact = std::chrono::duration<long double, std::nano>;
    if (!(Exact(span) < Exact(Nanoseconds::max()))) return Nanoseconds::max();
    if (!(Exact(span) > Exact(Nanoseconds::min()))) return Nanoseconds::min();
    return std::chrono::duration_cast<Nanoseconds>(span);
  }

  std::chrono::nanoseconds span_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_TIME_SPAN_H_
