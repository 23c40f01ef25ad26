#ifndef DAYBOOK_BASE_DEADLINE_H_
#define DAYBOOK_BASE_DEADLINE_H_

#include <chrono>

namespace daybook::inline v1 {

using SteadyTime = std::chrono::steady_clock::time_point;

// `time` and so much later, or the end of time if that is beyond it; earlier for a negative span.
inline SteadyTime Later(SteadyTime time, std::chrono::nanoseconds span) {
  const auto since_epoch = time.time_since_epoch();
  if (span.count() > 0 && since_epoch > SteadyTime::duration::max() - span)
    return SteadyTime::max();
  if (span.count() < 0 && since_epoch < SteadyTime::duration::min() - span)
    return SteadyTime::min();
  return time + std::chrono::duration_cast<SteadyTime::duration>(span);
}

// When a wait that begins now ends; the longest ones never do.
inline SteadyTime DeadlineAfter(std::chrono::nanoseconds timeout) {
  return Later(std::chrono::steady_clock::now(), timeout);
}

// How long a call waits for a sync that it needs and whose deadline nobody has given.
inline constexpr std::chrono::seconds kSyncTimeout{30};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_DEADLINE_H_
