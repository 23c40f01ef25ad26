#include "torture/mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace daybook::torture {
namespace {

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
  std::filesystem::create_directory(directory + "/mounted");
  return Shell(absl::StrCat("truncate -s ", mebibytes, "M ", image, " && mkfs.ext4 -q -F -b 4096 ",
                            options, " ", image)) &&
         MountAgain(directory);
}

bool MakeXfs(const std::string& directory) {
  const std::string image = directory + "/image";
  std::filesystem::create_directory(directory + "/mounted");
  return Shell(absl::StrCat("truncate -s 300M ", image, " && mkfs.xfs -q ", image)) &&
         MountAgain(directory);
}

bool MountAgain(const std::string& directory) {
  return Shell(absl::StrCat("mount -o loop ", directory, "/image ", directory, "/mounted"));
}

void Unmount(const std::string& directory) {
  // Detached where something still uses it; the loop device goes with the last user.
  if (umount2((directory + "/mounted").c_str(), 0) != 0) {
    umount2((directory + "/mounted").c_str(), MNT_DETACH);
  }
}

}  // namespace daybook::torture
