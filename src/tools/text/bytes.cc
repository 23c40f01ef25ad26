#include "tools/text/bytes.h"

#include <cstddef>

#include "absl/strings/str_format.h"

namespace daybook::tools {
namespace {

// The bytes of the character at the front of `text`, which is not empty; 0: it is no UTF-8.
std::size_t CharacterAt(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  // What the second byte may be keeps out what is longer than it must be, surrogates, and what is
  // behind the last character.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

// Those of ASCII, and C1, which begin commands to some terminals, too.
bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = CharacterAt(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string ToPrintable(std::string_view bytes, LineFeeds line_feeds) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = CharacterAt(bytes);
    const std::string_view character = bytes.substr(0, length == 0 ? 1 : length);
    const bool is_kept = character == "\n" && line_feeds == LineFeeds::kKeep;
    if (is_kept || (length != 0 && !IsControl(character))) {
      text += character;
    } else {
      for (const char byte : character) {
        absl::StrAppendFormat(&text, "\\x%02x", static_cast<unsigned char>(byte));
      }
    }
    bytes.remove_prefix(character.size());
  }
  return text;
}

}  // namespace daybook::tools
