#ifndef DAYBOOK_BASE_PROCESS_GUARD_H_
#define DAYBOOK_BASE_PROCESS_GUARD_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"

namespace daybook::inline v1 {

// Remembers in which process it was made. After fork(2) the child has copies of all handles, whose
// files it would write to together with the parent, whose locks may be held by threads that it does
// not have, and whose background threads it does not have either: none of them may be used there.
class ProcessGuard {
 public:
  ProcessGuard();

  bool is_forked() const { return generation_ != current_.load(std::memory_order_relaxed); }
  // FailedPrecondition: this is a child of the process.
  absl::Status Check() const { return is_forked() ? Refusal() : absl::OkStatus(); }

 private:
  static absl::Status Refusal();

  // How many forks away this process is from the one that first looked.
  static inline std::atomic<std::uint32_t> current_{0};
  std::uint32_t generation_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_PROCESS_GUARD_H_
