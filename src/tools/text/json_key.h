#ifndef DAYBOOK_TOOLS_TEXT_JSON_KEY_H_
#define DAYBOOK_TOOLS_TEXT_JSON_KEY_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daybook::tools {

// The field of the JSON object `line` that `field` names ("origin", or "user.id" for a nested one):
// a string's text, the JSON of anything else, nothing if it is absent or null.
// InvalidArgument: as ParseJsonObject.
absl::StatusOr<std::optional<std::string>> JsonKey(std::string_view line, std::string_view field);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_JSON_KEY_H_
