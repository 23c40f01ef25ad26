#ifndef DAYBOOK_IO_COPY_FILE_H_
#define DAYBOOK_IO_COPY_FILE_H_

#include <string_view>

#include "absl/status/status.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// Writes what `from` holds to `to`, which must be new, or hold nothing but zeros. Long runs of
// zeros are passed over: `to` gets blocks for them only if it has some.
absl::Status CopyContent(File& from, File& to);

// Copies a file under the same name into another directory, where there must be none, and syncs it.
// The directory is not synced. On an error nothing is left.
absl::Status CopyFile(Directory& from, Directory& to, std::string_view name);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_COPY_FILE_H_
