#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daybook/file_system.h"
#include "io/name_check.h"
#include "io/posix_error.h"
#include "io/posix_file.h"

namespace daybook::inline v1 {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;  // closing it releases the lock
};

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectoryAt(int parent, const std::string& name,
                                                           const std::string& path);

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

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
    const int fd =
        RetryOnSignal([&] { return openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return PosixError(errno, "list", path_);
    DIR* directory = fdopendir(fd);
    if (directory == nullptr) {
      const int error = errno;
      close(fd);
      return PosixError(error, "list", path_);
    }
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
    if (RetryOnSignal([&] { return fsync(fd_.get()); }) == 0) return absl::OkStatus();
    return PosixError(errno, "sync the directory", path_);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view name) override {
    auto fd = OpenRegular(name, O_RDWR | O_CREAT);
    if (!fd.ok()) return fd.status();
    if (RetryOnSignal([&] { return flock(fd->get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return PosixError(errno, "lock", PathOf(name));
      char holder[32] = {};
      const ssize_t size = pread(fd->get(), holder, sizeof holder - 1, 0);
      const std::string who(holder, size > 0 ? static_cast<std::size_t>(size) : 0);
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " is open for writing in ",
                       who.empty() ? "another process" : absl::StrCat("process ", who),
                       "; close it there, or open it read-only here"));
    }
    const std::string self = std::to_string(getpid());
    if (ftruncate(fd->get(), 0) != 0 ||
        pwrite(fd->get(), self.data(), self.size(), 0) != static_cast<ssize_t>(self.size())) {
      // On a full disk there is no room for it, and only a message is the poorer for that.
      if (errno != ENOSPC && errno != EDQUOT) return PosixError(errno, "write", PathOf(name));
    }
    return std::make_unique<PosixLock>(*std::move(fd));
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

  absl::StatusOr<Descriptor> OpenRegular(std::string_view name, int flags) {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    // O_NONBLOCK: a FIFO in its place must not hold us up.
    const std::string component(name);
    Descriptor fd(RetryOnSignal([&] {
      return openat(fd_.get(), component.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                    kFileMode);
    }));
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
  Descriptor fd(RetryOnSignal([&] {
    return openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }));
  if (!fd.is_open()) return PosixError(errno, "open the directory", path);
  return std::make_unique<PosixDirectory>(std::move(fd), path);
}

absl::Status SyncParent(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const Descriptor fd(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || RetryOnSignal([&] { return fsync(fd.get()); }) != 0) {
    return PosixError(errno, "sync the directory", parent);
  }
  return absl::OkStatus();
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
      // Also when it was there: whoever made it may have been killed before this.
      if (const auto status = SyncParent(name); !status.ok()) return status;
    }
    // What the user names may be a link; what is below it may not.
    Descriptor fd(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.is_open()) return PosixError(errno, "open the directory", name);
    return std::make_unique<PosixDirectory>(std::move(fd), name);
  }

  std::array<std::byte, 16> BootId() override {
    // 36 characters: hexadecimal with dashes. All zero where there is no such file.
    std::array<std::byte, 16> id{};
    const Descriptor fd(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
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
};

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace daybook::inline v1
