#ifndef DAYBOOK_IO_POSIX_ERROR_H_
#define DAYBOOK_IO_POSIX_ERROR_H_

#include <cerrno>
#include <string_view>

#include "absl/status/status.h"

namespace daybook::inline v1 {

// The status for `error`, an errno: what was tried, with what, why it failed, and the way out
// where there is one. "cannot open /data/x.log: Too many open files; raise the limit ..."
absl::Status PosixError(int error, std::string_view what, std::string_view path);

// Makes a system call again as long as a signal interrupts it.
template <typename Call>
auto RetryOnSignal(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_POSIX_ERROR_H_
