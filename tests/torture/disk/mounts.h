#ifndef DAYBOOK_TORTURE_DISK_MOUNTS_H_
#define DAYBOOK_TORTURE_DISK_MOUNTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "daybook/system/file_system.h"

// File systems of the real kernel, each in a file.

namespace daybook::torture {

// Into a mount namespace of this process alone, so that what it mounts goes with it. False where it
// may not do that.
bool IsAllowedToMount();

// A new ext4 of so many MiB in a file, `directory`/image, mounted at `directory`/mounted with those
// options of mkfs. False: it needs root, mkfs.ext4 and loop devices.
bool MakeExt4(const std::string& directory, int mebibytes, const std::string& options);
// The same with XFS.
bool MakeXfs(const std::string& directory);
// Mounts it again after Unmount; the kernel replays its journal.
bool MountAgain(const std::string& directory);
void Unmount(const std::string& directory);

// A file system in the file `image`, which is there and as large as that is to be. False: mkfs is
// missing, or failed.
bool FormatExt4(const std::string& image, const std::string& options);
bool FormatXfs(const std::string& image);
inline constexpr int kLeastXfsMebibytes = 300;
// Makes the directory `at` if it is not there.
bool MountImage(const std::string& image, const std::string& at);
void UnmountFrom(const std::string& at);

// The real files, as if the machine had been started again so many times since they were written.
// It tells of changes to directories, or not, as some file systems do.
class AfterReboot final : public FileSystem {
 public:
  explicit AfterReboot(int times = 1, bool tells = true) : times_(times), tells_(tells) {}
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view path,
                                                           DirectoryMode mode) override;
  std::array<std::byte, 16> BootId() override;
  std::unique_ptr<DirectoryWatch> Watch() override;

 private:
  const int times_;
  const bool tells_;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_DISK_MOUNTS_H_
