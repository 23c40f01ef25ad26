#include "tools/text/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/interrupts.h"

namespace daybook::tools {

absl::StatusOr<bool> LineReader::Next(std::string_view* line) {
  for (;;) {
    const char* begin = buffer_.data() + begin_;
    const std::size_t size = end_ - begin_;
    const void* newline = std::memchr(begin + searched_, '\n', size - searched_);
    std::size_t length = size;
    if (newline != nullptr) {
      length = static_cast<std::size_t>(static_cast<const char*>(newline) - begin);
    }
    if (length > max_line_bytes_) {
      return absl::InvalidArgumentError(
          absl::StrCat("it is longer than ", max_line_bytes_, " bytes"));
    }
    if (newline != nullptr || is_at_end_) {
      *line = {begin, length};
      begin_ += length + (newline != nullptr ? 1 : 0);
      searched_ = 0;
      return newline != nullptr || !line->empty();
    }
    searched_ = size;
    if (const auto status = Fill(); !status.ok()) return status;
  }
}

absl::Status LineReader::Fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  // At most a line is kept, and it is not over its limit.
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  for (;;) {
    if (!WaitUntilReady(descriptor_, POLLIN)) return absl::CancelledError("interrupted");
    const ssize_t got = read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) {
      return absl::UnknownError(absl::StrCat("cannot read standard input: ", strerror(errno)));
    }
    is_at_end_ = got == 0;
    end_ += static_cast<std::size_t>(got);
    return absl::OkStatus();
  }
}

}  // namespace daybook::tools
