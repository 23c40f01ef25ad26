#ifndef DAYBOOK_TOOLS_TEXT_ESCAPES_H_
#define DAYBOOK_TOOLS_TEXT_ESCAPES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daybook::tools {

// `text` with its escapes replaced by what they stand for: \n \r \t, \xNN (a byte in one or two
// hexadecimal digits), and a backslash before any other character than a letter or a digit, which
// stands for that character. InvalidArgument with what there is.
absl::StatusOr<std::string> DecodeEscapes(std::string_view text);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_ESCAPES_H_
