#include "tools/text/json_line.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::tools {

absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view line) {
  using nlohmann::json;
  bool is_too_deep = false;
  const auto keep = [&](int depth, json::parse_event_t, json&) {
    is_too_deep = is_too_deep || depth > kMostJsonLevels;
    return !is_too_deep;
  };
  json object = json::parse(line, keep, /*allow_exceptions=*/false);
  if (is_too_deep) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is nested over ", kMostJsonLevels, " levels deep"));
  }
  if (!object.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
  return object;
}

}  // namespace daybook::tools
