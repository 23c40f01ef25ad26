#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "base/process_guard.h"
#include "daybook/system/file_system.h"
#include "io/descriptor.h"
#include "io/name_check.h"
#include "io/posix_error.h"
#include "io/posix_file.h"
#include "io/posix_watch.h"

namespace daybook::inline v1 {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Beside the lock that keeps others out: ones on ranges of bytes, that can be asked about without
// taking them, so that any number of readers may ask all the time. The first byte is for the lock,
// each other one for a part. Some file systems have none.
struct flock SignOfLife(short type, std::uint64_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}
constexpr std::uint64_t ByteOf(std::uint64_t part) { return 1 + part % (std::uint64_t{1} << 62); }
// Absent: it cannot be told so.
std::optional<bool> ShowsLife(int directory, std::uint64_t byte) {
  struct flock lock = SignOfLife(F_WRLCK, byte);
  if (fcntl(directory, F_OFD_GETLK, &lock) != 0) return std::nullopt;
  return lock.l_type != F_UNLCK;
}
absl::Status ShowLife(int directory, std::uint64_t byte, const std::string& path) {
  struct flock lock = SignOfLife(F_RDLCK, byte);
  if (fcntl(directory, F_OFD_SETLK, &lock) == 0) return absl::OkStatus();
  const int error = errno;
  // Where nobody can ask, nobody is misled.
  return ShowsLife(directory, byte) ? PosixError(error, "show the use of", path) : absl::OkStatus();
}

int Flock(int fd, int operation) {
  return RetryOnSignal([&] { return flock(fd, operation | LOCK_NB); }) == 0 ? 0 : errno;
}

// Releases what was locked itself, rather than by closing: a child of fork has copies of both
// descriptors, and would keep the locks for as long as it lives.
class PosixLock final : public FileLock {
 public:
  PosixLock(Descriptor directory, Descriptor file, std::string path)
      : directory_(std::move(directory)), file_(std::move(file)), path_(std::move(path)) {}
  ~PosixLock() override {
    if (process_.is_forked()) return;  // it is the parent's
    struct flock all {};
    all.l_type = F_UNLCK;
    all.l_whence = SEEK_SET;
    fcntl(directory_.get(), F_OFD_SETLK, &all);
    // The one that keeps writers out goes last.
    Flock(file_.get(), LOCK_UN);
    Flock(directory_.get(), LOCK_UN);
  }

  absl::Status ShowInUse(std::uint64_t part) override {
    return ShowLife(directory_.get(), ByteOf(part), path_);
  }
  void ShowUnused(std::uint64_t part) override {
    if (process_.is_forked()) return;
    struct flock lock = SignOfLife(F_UNLCK, ByteOf(part));
    fcntl(directory_.get(), F_OFD_SETLK, &lock);
  }

 private:
  const ProcessGuard process_;
  const Descriptor directory_;
  const Descriptor file_;
  const std::string path_;
};

// An errno, or 0; EWOULDBLOCK: another open has it. Who asks IsLocked has a share in it for a
// moment, and is waited for.
int LockExclusively(int fd) {
  constexpr int kMostTries = 1'000;
  for (int tries = 0;; ++tries) {
    const int error = Flock(fd, LOCK_EX);
    if (error != EWOULDBLOCK || tries == kMostTries) return error;
    if (const int shared = Flock(fd, LOCK_SH); shared != 0) return shared;
    Flock(fd, LOCK_UN);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Some file systems lock no directories, among them NFS.
bool IsNotSupported(int error) {
  return error == EBADF || error == EINVAL || error == ENOLCK || error == EOPNOTSUPP ||
         error == ENOSYS;
}

// An errno, or 0. A file system that syncs no directories answers EINVAL, and is as safe as it is.
int SyncDirectory(int fd) {
  if (RetryOnSignal([&] { return fsync(fd); }) == 0 || errno == EINVAL) return 0;
  return errno;
}

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectoryAt(int parent, const std::string& name,
                                                           const std::string& path);

class PosixDirectory final : public PosixDirectoryBase {
 public:
  PosixDirectory(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  int descriptor() const override { return fd_.get(); }

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view name) override {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    return OpenDirectoryAt(fd_.get(), std::string(name), PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<Directory>> CreateDirectory(std::string_view name) override {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    const std::string component(name);
    if (mkdirat(fd_.get(), component.c_str(), kDirectoryMode) == 0) {
      // The umask may have taken bits away.
      if (fchmodat(fd_.get(), component.c_str(), kDirectoryMode, 0) != 0) {
        return PosixError(errno, "set the mode of", PathOf(name));
      }
    } else if (errno != EEXIST) {
      return PosixError(errno, "make the directory", PathOf(name));
    }
    return OpenDirectory(name);
  }

  absl::StatusOr<std::unique_ptr<File>> OpenFile(std::string_view name, FileMode mode) override {
    auto fd = OpenRegular(name, mode == FileMode::kRead        ? O_RDONLY
                                : mode == FileMode::kReadWrite ? O_RDWR
                                                               : O_RDWR | O_CREAT | O_EXCL);
    if (!fd.ok()) return fd.status();
    return MakePosixFile(*std::move(fd), PathOf(name));
  }

  absl::StatusOr<std::vector<DirectoryEntry>> List() override {
    // A descriptor of its own, since reading moves it.
    Descriptor fd = OpenSelf();
    DIR* directory = fd.is_open() ? fdopendir(fd.get()) : nullptr;
    if (directory == nullptr) return PosixError(errno, "list", path_);
    fd.Release();  // it is closed with the DIR
    std::vector<DirectoryEntry> entries;
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") {
        entries.push_back({name, IsDirectory(entry->d_type, entry->d_name)});
      }
      errno = 0;
    }
    const int error = errno;
    closedir(directory);
    if (error != 0) return PosixError(error, "list", path_);
    return entries;
  }

  absl::Status Rename(std::string_view from, std::string_view to) override {
    absl::Status status = CheckComponent(from);
    status.Update(CheckComponent(to));
    if (!status.ok()) return status;
    if (renameat(fd_.get(), std::string(from).c_str(), fd_.get(), std::string(to).c_str()) == 0) {
      return absl::OkStatus();
    }
    return PosixError(errno, absl::StrCat("rename to ", std::string(to)), PathOf(from));
  }

  absl::Status RemoveFile(std::string_view name) override { return Remove(name, 0, "remove"); }
  absl::Status RemoveDirectory(std::string_view name) override {
    return Remove(name, AT_REMOVEDIR, "remove the directory");
  }

  absl::Status Sync() override {
    const int error = SyncDirectory(fd_.get());
    return error == 0 ? absl::OkStatus() : PosixError(error, "sync the directory", path_);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view name) override {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    // The directory itself, since names can be removed and replaced.
    Descriptor directory = OpenSelf();
    if (!directory.is_open()) return PosixError(errno, "lock", path_);
    if (!IsPlanted(PlantedBug::kLocksNameAlone)) {
      const int error = LockExclusively(directory.get());
      if (error == EWOULDBLOCK) return HeldBy(name);
      if (error != 0 && !IsNotSupported(error)) return PosixError(error, "lock", path_);
    }
    if (const auto status = ShowLife(directory.get(), 0, path_); !status.ok()) return status;
    auto fd = OpenRegular(name, O_RDWR | O_CREAT);
    if (!fd.ok()) return fd.status();
    if (const int error = LockExclusively(fd->get()); error != 0) {
      return error == EWOULDBLOCK ? HeldBy(name) : PosixError(error, "lock", PathOf(name));
    }
    const std::string self = std::to_string(getpid());
    const bool has_room = CheckFileSizeLimit(self.size()) == 0;
    if (has_room &&
        (ftruncate(fd->get(), 0) != 0 ||
         pwrite(fd->get(), self.data(), self.size(), 0) != static_cast<ssize_t>(self.size()))) {
      // On a full disk there is no room for it, either, and only a message is the poorer for that.
      if (errno != ENOSPC && errno != EDQUOT) return PosixError(errno, "write", PathOf(name));
    }
    return std::make_unique<PosixLock>(std::move(directory), *std::move(fd), path_);
  }

  absl::StatusOr<bool> IsInUse(std::string_view name, std::uint64_t part) override {
    // Where the lock itself is not shown so, neither is a part.
    if (ShowsLife(fd_.get(), 0) == true) {
      if (const auto shown = ShowsLife(fd_.get(), ByteOf(part))) return *shown;
    }
    return IsLocked(name);
  }

  absl::StatusOr<bool> IsLocked(std::string_view name) override {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    if (const auto shown = ShowsLife(fd_.get(), 0)) return *shown;
    const Descriptor directory = OpenSelf();
    if (!directory.is_open()) return PosixError(errno, "look at the lock of", path_);
    int error = Flock(directory.get(), LOCK_SH);
    if (IsNotSupported(error)) {
      const auto fd = OpenRegular(name, O_RDONLY);
      if (absl::IsNotFound(fd.status())) return false;
      if (!fd.ok()) return fd.status();
      error = Flock(fd->get(), LOCK_SH);
    }
    if (error != 0 && error != EWOULDBLOCK) return PosixError(error, "look at the lock of", path_);
    return error != 0;
  }

 private:
  std::string PathOf(std::string_view name) const {
    return absl::StrCat(path_, "/", std::string(name));
  }

  bool IsDirectory(unsigned char type, const char* name) const {
    if (type != DT_UNKNOWN) return type == DT_DIR;
    struct stat status {};
    return fstatat(fd_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
  }

  // Another open of the directory, with a position and a lock of its own.
  Descriptor OpenSelf() const {
    return OpenDescriptor([&] { return openat(fd_.get(), ".", kOpenDirectory); });
  }

  absl::Status HeldBy(std::string_view name) {
    char holder[32] = {};
    const auto fd = OpenRegular(name, O_RDONLY);
    const ssize_t size = fd.ok() ? pread(fd->get(), holder, sizeof holder - 1, 0) : 0;
    const std::string who(holder, size > 0 ? static_cast<std::size_t>(size) : 0);
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is open for writing in ",
                     who.empty() ? "another process" : absl::StrCat("process ", who),
                     "; close it there, or open it read-only here"));
  }

  absl::StatusOr<Descriptor> OpenRegular(std::string_view name, int flags) {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    // O_NONBLOCK: a FIFO in its place must not hold us up.
    const std::string component(name);
    Descriptor fd = OpenDescriptor([&] {
      return openat(fd_.get(), component.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                    kFileMode);
    });
    if (!fd.is_open()) return PosixError(errno, "open", PathOf(name));
    struct stat status {};
    if (fstat(fd.get(), &status) != 0) return PosixError(errno, "look at", PathOf(name));
    if (!S_ISREG(status.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot open ", PathOf(name), ": it is not a regular file"));
    }
    // The umask may have taken bits away.
    if ((flags & O_CREAT) != 0 && (status.st_mode & 0777) != kFileMode &&
        fchmod(fd.get(), kFileMode) != 0) {
      return PosixError(errno, "set the mode of", PathOf(name));
    }
    return fd;
  }

  absl::Status Remove(std::string_view name, int flags, std::string_view what) {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    if (unlinkat(fd_.get(), std::string(name).c_str(), flags) == 0) return absl::OkStatus();
    return PosixError(errno, what, PathOf(name));
  }

  const Descriptor fd_;
  const std::string path_;
};

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectoryAt(int parent, const std::string& name,
                                                           const std::string& path) {
  Descriptor fd =
      OpenDescriptor([&] { return openat(parent, name.c_str(), kOpenDirectory | O_NOFOLLOW); });
  if (!fd.is_open()) return PosixError(errno, "open the directory", path);
  return std::make_unique<PosixDirectory>(std::move(fd), path);
}

// Makes the name of the directory `path`, which is open as `self`, survive a power cut.
absl::Status SyncParent(std::string path, int self) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const Descriptor fd = OpenDescriptor([&] { return open(parent.c_str(), kOpenDirectory); });
  int error = fd.is_open() ? SyncDirectory(fd.get()) : errno;
  // The parent may be one that others may pass through and not read: all of the file system then.
  if (error == EACCES) error = RetryOnSignal([&] { return syncfs(self); }) == 0 ? 0 : errno;
  return error == 0 ? absl::OkStatus() : PosixError(error, "sync the directory", parent);
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view path,
                                                           DirectoryMode mode) override {
    const std::string name(path);
    if (name.empty() || name.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError("the path of a directory is empty or has a NUL in it");
    }
    if (mode == DirectoryMode::kCreateIfMissing) {
      if (mkdir(name.c_str(), kDirectoryMode) == 0) {
        if (chmod(name.c_str(), kDirectoryMode) != 0) {
          return PosixError(errno, "set the mode of", name);
        }
      } else if (errno != EEXIST) {
        return PosixError(errno, "make the directory", name);
      }
    }
    // What the user names may be a link; what is below it may not.
    Descriptor fd = OpenDescriptor([&] { return open(name.c_str(), kOpenDirectory); });
    if (!fd.is_open()) return PosixError(errno, "open the directory", name);
    if (mode == DirectoryMode::kCreateIfMissing) {
      // Also when it was there: whoever made it may have been killed before this.
      if (const auto status = SyncParent(name, fd.get()); !status.ok()) return status;
    }
    return std::make_unique<PosixDirectory>(std::move(fd), name);
  }

  std::array<std::byte, 16> BootId() override {
    // 36 characters: hexadecimal with dashes. All zero where there is no such file.
    std::array<std::byte, 16> id{};
    const Descriptor fd = OpenDescriptor(
        [] { return open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); });
    char text[36];
    if (!fd.is_open() || read(fd.get(), text, sizeof text) != sizeof text) return id;
    std::string digits(text, sizeof text);
    std::erase(digits, '-');
    for (std::size_t i = 0; i < id.size() && 2 * i + 2 <= digits.size(); ++i) {
      unsigned value = 0;
      std::from_chars(&digits[2 * i], &digits[2 * i] + 2, value, 16);
      id[i] = static_cast<std::byte>(value);
    }
    return id;
  }

  std::unique_ptr<DirectoryWatch> Watch() override { return MakePosixWatch(); }
};

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace daybook::inline v1
