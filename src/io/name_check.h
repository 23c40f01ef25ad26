#ifndef DAYBOOK_IO_NAME_CHECK_H_
#define DAYBOOK_IO_NAME_CHECK_H_

#include <string_view>

#include "absl/status/status.h"

namespace daybook::inline v1 {

// InvalidArgument unless `name` is one component of a path: 1 to 255 bytes, no '/', no NUL, not
// "." or "..". Whatever passes cannot lead out of its directory.
absl::Status CheckComponent(std::string_view name);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_NAME_CHECK_H_
