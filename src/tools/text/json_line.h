#ifndef DAYBOOK_TOOLS_TEXT_JSON_LINE_H_
#define DAYBOOK_TOOLS_TEXT_JSON_LINE_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace daybook::tools {

// What is nested deeper is refused: to write a value out takes stack for each level.
inline constexpr int kMostJsonLevels = 1'000;

// The JSON object that the line is. InvalidArgument: it is none, or nested too deeply.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view line);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_JSON_LINE_H_
