#ifndef DAYBOOK_TOOLS_TEXT_BYTES_H_
#define DAYBOOK_TOOLS_TEXT_BYTES_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"

// Bytes of users, who may put any into names, metadata, keys and values, on their way to a
// terminal or into JSON.

namespace daybook::tools {

bool IsUtf8(std::string_view bytes);

// `bytes` as text that does nothing to a terminal: \xNN stands for each byte of a control
// character, and of what is no UTF-8. Line feeds stay if that is asked for.
enum class LineFeeds { kEscape, kKeep };
std::string ToPrintable(std::string_view bytes, LineFeeds line_feeds = LineFeeds::kEscape);

// Text that is no UTF-8, at any depth, becomes {"base64": "..."}, as consume -J prints it: there is
// no other way to have it in JSON.
template <typename Json>
Json ToValidJson(Json json) {
  if (json.is_string() && !IsUtf8(json.template get_ref<const std::string&>())) {
    return {{"base64", absl::Base64Escape(json.template get_ref<const std::string&>())}};
  }
  if (json.is_structured()) {
    for (auto& element : json) element = ToValidJson(std::move(element));
  }
  return json;
}

// nlohmann's dump of it.
template <typename Json>
std::string DumpJson(Json json, int indent = -1) {
  return ToValidJson(std::move(json)).dump(indent);
}

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_BYTES_H_
