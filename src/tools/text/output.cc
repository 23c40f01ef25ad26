#include "tools/text/output.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/interrupts.h"

namespace daybook::tools {
namespace {

constexpr std::size_t kMuch = 128 << 10;

// How many bytes are written at once: so few that a descriptor that is ready takes them without
// blocking, since a blocked write is not ended by a signal that came just before it. Files do not
// block.
std::size_t PieceFor(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? kMuch : PIPE_BUF;
}

}  // namespace

void Output::Print(std::string_view text) {
  gathered_ += text;
  if (gathered_.size() >= kMuch) (void)Flush();
}

void Output::PrintLine(std::string_view text) {
  gathered_ += text;
  Print("\n");
}

absl::Status Output::Flush() {
  if (status_.ok() && !is_closed_) status_ = Write(gathered_);
  gathered_.clear();
  return status_;
}

absl::Status Output::Write(std::string_view text) {
  if (text.empty()) return absl::OkStatus();
  const std::size_t piece = PieceFor(descriptor_);
  while (!text.empty()) {
    if (!WaitUntilReady(descriptor_, POLLOUT)) return absl::CancelledError("interrupted");
    const ssize_t put = write(descriptor_, text.data(), std::min(text.size(), piece));
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0 && errno == EPIPE) {
      is_closed_ = true;
      return absl::OkStatus();
    }
    if (put < 0) {
      return absl::UnknownError(absl::StrCat("cannot write to standard output: ", strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return absl::OkStatus();
}

}  // namespace daybook::tools
