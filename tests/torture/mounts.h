#ifndef DAYBOOK_TORTURE_MOUNTS_H_
#define DAYBOOK_TORTURE_MOUNTS_H_

#include <string>

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

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_MOUNTS_H_
