#include "base/process_guard.h"

#include <pthread.h>

namespace daybook::inline v1 {

ProcessGuard::ProcessGuard() {
  // Once; a child has the handlers of its parent.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { ++current_; });
  static_cast<void>(registered);
  generation_ = current_.load(std::memory_order_relaxed);
}

absl::Status ProcessGuard::Refusal() {
  return absl::FailedPreconditionError(
      "it was opened by the process that this one was forked from; open a broker of your own once "
      "that one is closed, or another one read-only");
}

}  // namespace daybook::inline v1
