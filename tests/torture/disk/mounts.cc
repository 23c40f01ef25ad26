#include "torture/disk/mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace daybook::torture {
namespace {

constexpr int kMountTries = 5;

bool Shell(const std::string& command) {
  return std::system(absl::StrCat("(", command, ") >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

bool IsAllowedToMount() {
  return unshare(CLONE_NEWNS) == 0 &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool MakeExt4(const std::string& directory, int mebibytes, const std::string& options) {
  const std::string image = directory + "/image";
  return Shell(absl::StrCat("truncate -s ", mebibytes, "M '", image, "'")) &&
         FormatExt4(image, options) && MountAgain(directory);
}

bool MakeXfs(const std::string& directory) {
  const std::string image = directory + "/image";
  return Shell(absl::StrCat("truncate -s ", kLeastXfsMebibytes, "M '", image, "'")) &&
         FormatXfs(image) && MountAgain(directory);
}

bool MountAgain(const std::string& directory) {
  return MountImage(directory + "/image", directory + "/mounted");
}

void Unmount(const std::string& directory) { UnmountFrom(directory + "/mounted"); }

bool FormatExt4(const std::string& image, const std::string& options) {
  return Shell(absl::StrCat("mkfs.ext4 -q -F -b 4096 ", options, " '", image, "'"));
}

bool FormatXfs(const std::string& image) {
  return Shell(absl::StrCat("mkfs.xfs -q -f '", image, "'"));
}

bool MountImage(const std::string& image, const std::string& at) {
  std::filesystem::create_directory(at);
  // Two processes that look for a free loop device may find the same one.
  for (int tries = 0; tries < kMountTries; ++tries) {
    if (Shell(absl::StrCat("mount -o loop '", image, "' '", at, "'"))) return true;
  }
  return false;
}

void UnmountFrom(const std::string& at) {
  // Detached where something still uses it; the loop device goes with the last user.
  if (umount2(at.c_str(), 0) != 0) umount2(at.c_str(), MNT_DETACH);
}

absl::StatusOr<std::unique_ptr<Directory>> AfterReboot::OpenDirectory(std::string_view path,
                                                                      DirectoryMode mode) {
  return FileSystem::Posix().OpenDirectory(path, mode);
}

std::array<std::byte, 16> AfterReboot::BootId() {
  std::array<std::byte, 16> id = FileSystem::Posix().BootId();
  id[0] ^= static_cast<std::byte>(times_);
  return id;
}

std::unique_ptr<DirectoryWatch> AfterReboot::Watch() {
  return tells_ ? FileSystem::Posix().Watch() : nullptr;
}

}  // namespace daybook::torture
