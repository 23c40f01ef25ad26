#ifndef DAYBOOK_BASE_NO_MEMORY_H_
#define DAYBOOK_BASE_NO_MEMORY_H_

#include "absl/status/status.h"

namespace daybook::inline v1 {

// For where memory has run out. The message takes memory, too: whoever must not throw later calls
// this before, so that it is made.
inline const absl::Status& NoMemoryLeft() {
  static const absl::Status status = absl::ResourceExhaustedError("there is no memory left");
  return status;
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_NO_MEMORY_H_
