#ifndef DAYBOOK_BASE_BACKOFF_H_
#define DAYBOOK_BASE_BACKOFF_H_

#include <chrono>
#include <thread>

namespace daybook::inline v1 {

// Between two looks at something of which nobody tells, an open claim above all: that is filled
// within microseconds, so others get the core at first, and after some looks it is slept between.
class Backoff {
 public:
  void Wait() {
    if (looks_++ < kYields) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kSleep);
    }
  }

 private:
  static constexpr int kYields = 100;
  static constexpr std::chrono::microseconds kSleep{50};
  int looks_ = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_BACKOFF_H_
