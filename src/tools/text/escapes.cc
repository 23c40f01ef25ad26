#include "tools/text/escapes.h"

#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace daybook::tools {

absl::StatusOr<std::string> DecodeEscapes(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      decoded += c;
      continue;
    }
    const char letter = text.empty() ? '\0' : text.front();
    std::size_t length = 1;
    if (letter == 'n') {
      decoded += '\n';
    } else if (letter == 'r') {
      decoded += '\r';
    } else if (letter == 't') {
      decoded += '\t';
    } else if (letter == 'x' && text.size() > 1 && absl::ascii_isxdigit(text[1])) {
      length = text.size() > 2 && absl::ascii_isxdigit(text[2]) ? 3 : 2;
      unsigned byte = 0;
      std::from_chars(text.data() + 1, text.data() + length, byte, 16);
      decoded += static_cast<char>(byte);
    } else if (letter == '\0' || absl::ascii_isalnum(letter)) {
      return absl::InvalidArgumentError(
          absl::StrCat(text.empty() ? "a backslash stands at the end" : "there is no escape \\",
                       std::string(text.substr(0, 1)), "; there are \\n \\r \\t \\\\ \\xNN"));
    } else {
      decoded += letter;
    }
    text.remove_prefix(length);
  }
  return decoded;
}

}  // namespace daybook::tools
