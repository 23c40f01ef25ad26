#ifndef DAYBOOK_TOOLS_TEXT_LINE_READER_H_
#define DAYBOOK_TOOLS_TEXT_LINE_READER_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace daybook::tools {

// The lines that a descriptor gives, without their newlines; a last line needs none. Memory is
// bounded by the longest line that is allowed, not by what is sent.
class LineReader {
 public:
  LineReader(int descriptor, std::size_t max_line_bytes)
      : descriptor_(descriptor), max_line_bytes_(max_line_bytes) {}

  // False at the end. `line` is good until the next call.
  //   InvalidArgument     the line is longer than is allowed; it was not read to its end
  //   Cancelled           the process was interrupted before there was a whole line
  absl::StatusOr<bool> Next(std::string_view* line);

 private:
  absl::Status Fill();

  const int descriptor_;
  const std::size_t max_line_bytes_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{64} << 10);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t searched_ = 0;  // bytes behind `begin_` that hold no newline
  bool is_at_end_ = false;
};

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_LINE_READER_H_
