#include "tools/text/json_key.h"

#include "tools/text/json_line.h"

namespace daybook::tools {

absl::StatusOr<std::optional<std::string>> JsonKey(std::string_view line, std::string_view field) {
  const auto json = ParseJsonObject(line);
  if (!json.ok()) return json.status();
  const nlohmann::json* at = &*json;
  while (!field.empty()) {
    const std::size_t dot = field.find('.');
    const auto found = at->is_object() ? at->find(std::string(field.substr(0, dot))) : at->end();
    if (!at->is_object() || found == at->end()) return std::optional<std::string>();
    at = &*found;
    field = dot == std::string_view::npos ? std::string_view() : field.substr(dot + 1);
  }
  if (at->is_null()) return std::optional<std::string>();
  return std::optional<std::string>(at->is_string() ? at->get<std::string>() : at->dump());
}

}  // namespace daybook::tools
