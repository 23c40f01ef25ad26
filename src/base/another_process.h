#ifndef DAYBOOK_BASE_ANOTHER_PROCESS_H_
#define DAYBOOK_BASE_ANOTHER_PROCESS_H_

#include <cstdint>

#include "base/lock_order.h"

namespace daybook::inline v1 {

// While one lives, this thread does what another process would, which has locks of its own: in the
// hooks of the simulated file system.
class AnotherProcess {
 public:
#if !defined(NDEBUG)
  AnotherProcess() : ours_(held_locks) { held_locks = 0; }
  ~AnotherProcess() { held_locks = ours_; }
#else
  AnotherProcess() {}
  ~AnotherProcess() {}
#endif
  AnotherProcess(const AnotherProcess&) = delete;
  AnotherProcess& operator=(const AnotherProcess&) = delete;

 private:
#if !defined(NDEBUG)
  const std::uint32_t ours_;
#endif
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_ANOTHER_PROCESS_H_
