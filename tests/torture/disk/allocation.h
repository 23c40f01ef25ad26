#ifndef DAYBOOK_TORTURE_DISK_ALLOCATION_H_
#define DAYBOOK_TORTURE_DISK_ALLOCATION_H_

#include <atomic>
#include <cstdint>

namespace daybook::torture {

// What the operator new of the program does: it counts, and fails from `fail_at` on, `failures`
// times, and at `also_at`. Null in programs that have the usual one.
struct AllocationControl {
  std::atomic<std::int64_t> count{0};
  std::atomic<std::int64_t> fail_at{-1};
  std::atomic<std::int64_t> failures{0};
  std::atomic<std::int64_t> also_at{-1};
};
extern AllocationControl* allocation_control;

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_DISK_ALLOCATION_H_
