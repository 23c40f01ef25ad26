#ifndef DAYBOOK_SUPPORT_DEADLINE_H_
#define DAYBOOK_SUPPORT_DEADLINE_H_

#include <chrono>

namespace daybook {

// Later than anything that a test waits for, and before it would hang for good.
inline std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_DEADLINE_H_
