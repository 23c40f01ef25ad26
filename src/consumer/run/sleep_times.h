#ifndef DAYBOOK_CONSUMER_RUN_SLEEP_TIMES_H_
#define DAYBOOK_CONSUMER_RUN_SLEEP_TIMES_H_

#include <chrono>

namespace daybook::inline v1 {

// Nothing is due, and whatever happens ends the sleep.
inline constexpr std::chrono::minutes kIdle{1};
// A clock that is not the system's says nothing when it is moved: how often it is looked at.
inline constexpr std::chrono::milliseconds kLookAtClock{1};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_CONSUMER_RUN_SLEEP_TIMES_H_
