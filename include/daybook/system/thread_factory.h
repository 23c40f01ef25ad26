#ifndef DAYBOOK_SYSTEM_THREAD_FACTORY_H_
#define DAYBOOK_SYSTEM_THREAD_FACTORY_H_

#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "daybook/export.h"

namespace daybook::inline v1 {

// Starts the threads of the library. A seam: give one in BrokerOptions to set names, priorities or
// signal masks, or to see what happens when there are no more threads. Thread-safe.
class DAYBOOK_EXPORT ThreadFactory {
 public:
  virtual ~ThreadFactory() = default;

  // Runs `body`, which throws nothing, in a thread of its own. The caller joins it.
  //   ResourceExhausted   the system starts no more threads
  virtual absl::StatusOr<std::thread> Start(std::function<void()> body) = 0;

  static ThreadFactory& System();
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SYSTEM_THREAD_FACTORY_H_
