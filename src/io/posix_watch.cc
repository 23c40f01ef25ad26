#include "io/posix_watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "io/descriptor.h"
#include "io/posix_error.h"

namespace daybook::inline v1 {
namespace {

constexpr std::uint32_t kMask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

// An overlay has a second name for each file, a network file system other machines: of what is done
// by those ways they tell nothing.
bool TellsEverything(int directory) {
  constexpr std::array<std::uint32_t, 7> kLocal = {
      EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
      RAMFS_MAGIC,      F2FS_SUPER_MAGIC, 0x2fc12fc1 /* ZFS */};
  struct statfs info {};
  if (fstatfs(directory, &info) != 0) return false;
  const auto type = static_cast<std::uint32_t>(info.f_type);
  for (const std::uint32_t local : kLocal) {
    if (type == local) return true;
  }
  return false;
}

class InotifyWatch final : public DirectoryWatch {
 public:
  explicit InotifyWatch(Descriptor fd) : fd_(std::move(fd)) {}

  absl::Status Add(Directory& directory, std::uint64_t id) override {
    auto* const posix = dynamic_cast<PosixDirectoryBase*>(&directory);
    if (posix == nullptr || !TellsEverything(posix->descriptor())) {
      return absl::UnimplementedError(
          absl::StrCat(directory.path(), " is on a file system that does not tell of changes"));
    }
    // inotify takes names; this one is the open directory's, whatever has become of its own.
    const std::string name = absl::StrCat("/proc/self/fd/", posix->descriptor());
    MutexLock lock(mutex_);
    const int watch = inotify_add_watch(fd_.get(), name.c_str(), kMask);
    if (watch < 0) return PosixError(errno, "watch", directory.path());
    ids_[watch].push_back(id);
    return absl::OkStatus();
  }

  std::vector<Change> Take() override {
    std::vector<Change> changes;
    alignas(inotify_event) std::array<char, 16 << 10> buffer;
    MutexLock lock(mutex_);
    for (;;) {
      const ssize_t size = read(fd_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return changes;
      for (ssize_t at = 0; at < size;) {
        inotify_event event;
        std::memcpy(&event, &buffer[static_cast<std::size_t>(at)], sizeof event);
        const char* const name = &buffer[static_cast<std::size_t>(at)] + sizeof event;
        at += static_cast<ssize_t>(sizeof event + event.len);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
          for (const auto& [watch, ids] : ids_) {
            for (const std::uint64_t id : ids) changes.push_back({id, ""});
          }
        } else if (const auto found = ids_.find(event.wd); found != ids_.end()) {
          for (const std::uint64_t id : found->second) {
            changes.push_back({id, event.len == 0 ? "" : name});
          }
          if ((event.mask & IN_IGNORED) != 0) ids_.erase(found);  // it is gone
        }
      }
      // All that was there; what comes later is for the next call.
      if (static_cast<std::size_t>(size) + sizeof(inotify_event) + NAME_MAX + 1 < buffer.size()) {
        return changes;
      }
    }
  }

 private:
  const Descriptor fd_;
  Mutex mutex_;
  // By inotify's number, which a directory has once however often it is added.
  std::map<int, std::vector<std::uint64_t>> ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<DirectoryWatch> MakePosixWatch() {
  Descriptor fd = OpenDescriptor([] { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); });
  if (!fd.is_open()) return nullptr;
  return std::make_unique<InotifyWatch>(std::move(fd));
}

}  // namespace daybook::inline v1
