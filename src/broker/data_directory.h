#ifndef DAYBOOK_BROKER_DATA_DIRECTORY_H_
#define DAYBOOK_BROKER_DATA_DIRECTORY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// The names of what lies in a data directory, beside topics.
inline constexpr std::string_view kPropertiesFile = "daybook.properties";
inline constexpr std::string_view kLockFile = "daybook.lock";

// What file systems, mounts and tools put into a fresh volume: lost+found, and names that begin
// with a dot (.gitkeep, .snapshot, ..data). They are left alone, wherever they lie.
bool IsOfVolume(std::string_view name);

// What kPropertiesFile of a new directory holds: an id, which tells it from others.
std::string NewProperties();

struct DataDirectory {
  std::unique_ptr<Directory> root;
  std::unique_ptr<FileLock> lock;  // null when it is open for reading only
};

// For writing, an empty directory or one that is not there becomes a data directory.
//   NotFound            for reading only: it is not there, or is empty
//   FailedPrecondition  it holds something else, or another process has it for writing
//   DataLoss            its properties are damaged
absl::StatusOr<DataDirectory> OpenDataDirectory(FileSystem& file_system, std::string_view path,
                                                bool is_read_only);

// The id in the properties of a data directory. DataLoss: it has none.
absl::StatusOr<std::string> DirectoryId(Directory& root);

// Whether there is a data directory at `path`, and it is `other`, however the path is spelled. A
// copy of it is, too: they have one id.
bool IsSameDataDirectory(FileSystem& file_system, std::string_view path, Directory& other);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_DATA_DIRECTORY_H_
