#ifndef DAYBOOK_LOG_STORE_LOG_START_H_
#define DAYBOOK_LOG_STORE_LOG_START_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "daybook/system/file_system.h"

// The log start offset on disk: a file of its own beside the segments, as Kafka's
// log-start-offset-checkpoint. A log can begin in the middle of a segment, and where it begins
// outlasts the files that were removed.

namespace daybook::inline v1 {

inline constexpr std::string_view kLogStartFile = "log-start-offset";

// 0: there is no such file. DataLoss: it is damaged.
absl::StatusOr<Offset> ReadLogStart(Directory& directory);

// Durable when it returns OK. One call at a time in a directory.
absl::Status WriteLogStart(Directory& directory, Offset start);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_LOG_START_H_
