#ifndef DAYBOOK_LOG_APPEND_DURABILITY_CHECK_H_
#define DAYBOOK_LOG_APPEND_DURABILITY_CHECK_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daybook/storage.h"

namespace daybook::inline v1 {

// InvalidArgument, naming `option`, unless it is absent or one of the values that there are.
inline absl::Status CheckDurability(const std::string& option, std::optional<Durability> asked) {
  if (!asked || (*asked >= Durability::kProcess && *asked <= Durability::kDisk)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(option, " has the number ",
                                                 static_cast<int>(*asked),
                                                 "; there are kProcess, kInterval and kDisk"));
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_DURABILITY_CHECK_H_
