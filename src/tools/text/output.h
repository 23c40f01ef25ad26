#ifndef DAYBOOK_TOOLS_TEXT_OUTPUT_H_
#define DAYBOOK_TOOLS_TEXT_OUTPUT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace daybook::tools {

// Text on its way to a descriptor, standard output. Waits for a reader that is slow, whether the
// descriptor blocks or not. When nobody reads any more (EPIPE) the rest is dropped without an
// error: whoever reads has seen enough.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  // Gathers `text`, and writes when that has become much. Errors are told by Flush.
  void Print(std::string_view text);
  void PrintLine(std::string_view text);

  // Writes what is gathered; the first error, if there was one.
  //   Cancelled           the process was interrupted while nobody read
  absl::Status Flush();

  // Nobody reads any more.
  bool is_closed() const { return is_closed_; }

 private:
  absl::Status Write(std::string_view text);

  const int descriptor_;
  bool is_closed_ = false;
  std::string gathered_;
  absl::Status status_;
};

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_OUTPUT_H_
