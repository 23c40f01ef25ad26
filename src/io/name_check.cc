#include "io/name_check.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {

absl::Status CheckComponent(std::string_view name) {
  constexpr std::size_t kLongest = 255;
  constexpr std::string_view kForbidden("/\0", 2);
  if (!name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
      name.find_first_of(kForbidden) == std::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(std::string(name.substr(0, kLongest))), "\" is not a file name"));
}

}  // namespace daybook::inline v1
