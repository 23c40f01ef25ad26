#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "catch.h"
#include "daybook/system/file_system.h"
#include "support/child_process.h"

namespace daybook {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

// A directory of its own for each test.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "daybook-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    directory_ = FileSystem::Posix().OpenDirectory(path_, DirectoryMode::kMustExist).value();
  }
  ~Scratch() { std::filesystem::remove_all(path_); }

  Directory& operator*() { return *directory_; }
  Directory* operator->() { return directory_.get(); }
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }
  struct stat Look(const std::string& name) const {
    struct stat status {};
    REQUIRE(lstat(PathOf(name).c_str(), &status) == 0);
    return status;
  }
  std::string Content(const std::string& name) {
    const auto file = directory_->OpenFile(name, FileMode::kRead).value();
    std::string text(file->Size().value(), '\0');
    REQUIRE(file->ReadAt(0, std::as_writable_bytes(std::span(text))).value() == text.size());
    return text;
  }

 private:
  std::string path_;
  std::unique_ptr<Directory> directory_;
};

}  // namespace

TEST_CASE("Modes are 0700 and 0600 whatever the umask") {
  Scratch scratch;
  for (const mode_t mask : {0000, 0077, 0777}) {
    const std::string suffix = std::to_string(mask);
    const mode_t old = umask(mask);
    CHECK(scratch->CreateDirectory("d" + suffix).ok());
    CHECK(scratch->OpenFile("f" + suffix, FileMode::kCreate).ok());
    CHECK(scratch->Lock("l" + suffix).ok());
    CHECK(FileSystem::Posix()
              .OpenDirectory(scratch.PathOf("r" + suffix), DirectoryMode::kCreateIfMissing)
              .ok());
    umask(old);
    CHECK((scratch.Look("d" + suffix).st_mode & 07777) == 0700);
    CHECK((scratch.Look("f" + suffix).st_mode & 07777) == 0600);
    CHECK((scratch.Look("l" + suffix).st_mode & 07777) == 0600);
    CHECK((scratch.Look("r" + suffix).st_mode & 07777) == 0700);
  }
}

TEST_CASE("What is not a regular file is refused and does not hold anyone up") {
  Scratch scratch;
  REQUIRE(scratch->OpenFile("file", FileMode::kCreate).ok());
  REQUIRE(symlink("file", scratch.PathOf("link").c_str()) == 0);
  REQUIRE(symlink("/nowhere", scratch.PathOf("dangling").c_str()) == 0);
  REQUIRE(mkfifo(scratch.PathOf("fifo").c_str(), 0600) == 0);
  REQUIRE(scratch->CreateDirectory("directory").ok());
  for (const std::string name : {"link", "dangling", "fifo", "directory"}) {
    INFO(name);
    for (const FileMode mode : {FileMode::kRead, FileMode::kReadWrite}) {
      const auto status = scratch->OpenFile(name, mode).status();
      CHECK(absl::IsFailedPrecondition(status));
      CHECK(std::string(status.message()).find(scratch.PathOf(name)) != std::string::npos);
    }
    CHECK(absl::IsAlreadyExists(scratch->OpenFile(name, FileMode::kCreate).status()));
    CHECK(absl::IsFailedPrecondition(scratch->Lock(name).status()));
  }
  REQUIRE(symlink("directory", scratch.PathOf("way").c_str()) == 0);
  for (const std::string name : {"way", "file", "fifo"}) {
    INFO(name);
    CHECK(absl::IsFailedPrecondition(scratch->OpenDirectory(name).status()));
    CHECK(absl::IsFailedPrecondition(scratch->CreateDirectory(name).status()));
  }
}

TEST_CASE("Names that lead elsewhere are refused by every operation") {
  Scratch scratch;
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/"),
        std::string("a\0b", 3), std::string(256, 'x')}) {
    CHECK(absl::IsInvalidArgument(scratch->OpenFile(name, FileMode::kCreate).status()));
    CHECK(absl::IsInvalidArgument(scratch->OpenDirectory(name).status()));
    CHECK(absl::IsInvalidArgument(scratch->CreateDirectory(name).status()));
    CHECK(absl::IsInvalidArgument(scratch->Rename("a", name)));
    CHECK(absl::IsInvalidArgument(scratch->Rename(name, "a")));
    CHECK(absl::IsInvalidArgument(scratch->RemoveFile(name)));
    CHECK(absl::IsInvalidArgument(scratch->RemoveDirectory(name)));
    CHECK(absl::IsInvalidArgument(scratch->Lock(name).status()));
  }
  CHECK(scratch->List()->empty());
  CHECK(scratch->OpenFile(std::string(255, 'x'), FileMode::kCreate).ok());
}

TEST_CASE("Entries are listed, renamed over one another and removed") {
  Scratch scratch;
  REQUIRE(scratch->OpenFile("a", FileMode::kCreate).value()->WriteAt(0, BytesOf("1")).ok());
  REQUIRE(scratch->OpenFile("b", FileMode::kCreate).value()->WriteAt(0, BytesOf("2")).ok());
  const auto directory = scratch->CreateDirectory("d").value();
  REQUIRE(scratch->Rename("a", "b").ok());
  CHECK(scratch.Content("b") == "1");
  auto entries = scratch->List().value();
  std::sort(entries.begin(), entries.end(),
            [](const auto& x, const auto& y) { return x.name < y.name; });
  REQUIRE(entries.size() == 2);
  CHECK((entries[0].name == "b" && !entries[0].is_directory));
  CHECK((entries[1].name == "d" && entries[1].is_directory));

  CHECK(absl::IsNotFound(scratch->Rename("a", "c")));
  CHECK(absl::IsNotFound(scratch->RemoveFile("a")));
  CHECK(absl::IsFailedPrecondition(scratch->RemoveFile("d")));
  CHECK(absl::IsFailedPrecondition(scratch->RemoveDirectory("b")));
  REQUIRE(directory->OpenFile("x", FileMode::kCreate).ok());
  CHECK(absl::IsFailedPrecondition(scratch->RemoveDirectory("d")));
  REQUIRE(directory->RemoveFile("x").ok());
  CHECK(scratch->RemoveDirectory("d").ok());
  CHECK(scratch->RemoveFile("b").ok());
  CHECK(scratch->Sync().ok());
  CHECK(scratch->List()->empty());
}

TEST_CASE("A second lock is refused with the holder's process until the first is released") {
  Scratch scratch;
  auto held = scratch->Lock("lock").value();
  const auto refused = scratch->Lock("lock").status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(std::string(refused.message()).find("process " + std::to_string(getpid())) !=
        std::string::npos);
  CHECK(InChild([&] { return absl::IsFailedPrecondition(scratch->Lock("lock").status()); }) == 1);
  held.reset();
  CHECK(scratch->Lock("lock").ok());
}

TEST_CASE("A lock that is given back is free, though a child of fork still has its descriptors") {
  Scratch scratch;
  auto held = scratch->Lock("lock").value();
  REQUIRE(held->ShowInUse(7).ok());
  HoldingProcess child([] { return absl::StatusOr<int>(0); });
  CHECK(absl::IsFailedPrecondition(scratch->Lock("lock").status()));
  // The child's copy is not the child's to give back.
  CHECK(InChild([&] {
          held.reset();
          return 0;
        }) == 0);
  CHECK(scratch->IsLocked("lock").value() == true);
  CHECK(scratch->IsInUse("lock", 7).value() == true);
  CHECK(absl::IsFailedPrecondition(scratch->Lock("lock").status()));
  held.reset();
  CHECK(scratch->IsLocked("lock").value() == false);
  CHECK(scratch->IsInUse("lock", 7).value() == false);
  CHECK(scratch->Lock("lock").ok());
}

TEST_CASE("A second lock is refused though the first one's file was removed or replaced") {
  Scratch scratch;
  HoldingProcess holder([&] { return scratch->Lock("lock"); });
  REQUIRE(scratch->RemoveFile("lock").ok());
  CHECK(absl::IsFailedPrecondition(scratch->Lock("lock").status()));
  CHECK(absl::IsNotFound(scratch->OpenFile("lock", FileMode::kRead).status()));  // nor made
  const std::string other = "4711";
  REQUIRE(scratch->OpenFile("new", FileMode::kCreate).value()->WriteAt(0, BytesOf(other)).ok());
  REQUIRE(scratch->Rename("new", "lock").ok());
  CHECK(absl::IsFailedPrecondition(scratch->Lock("lock").status()));
  CHECK(scratch.Content("lock") == other);
  // A lock of the directory that was renamed goes with it.
  CHECK(absl::IsFailedPrecondition(scratch->Lock("another").status()));
  holder.Kill();
  CHECK(scratch->Lock("lock").ok());
}

TEST_CASE("Whoever asks whether a directory is locked is told, and takes no lock away") {
  Scratch scratch;
  CHECK(scratch->IsLocked("lock").value() == false);
  CHECK(scratch->List()->empty());
  {
    HoldingProcess holder([&] { return scratch->Lock("lock"); });
    for (int i = 0; i < 3; ++i) CHECK(scratch->IsLocked("lock").value() == true);
    REQUIRE(scratch->RemoveFile("lock").ok());
    CHECK(scratch->IsLocked("lock").value() == true);
  }
  CHECK(scratch->IsLocked("lock").value() == false);
  const auto mine = scratch->Lock("lock").value();
  CHECK(scratch->IsLocked("lock").value() == true);
  CHECK(absl::IsInvalidArgument(scratch->IsLocked("../lock").status()));
}

TEST_CASE("A lock is got although others ask all the time whether it is held") {
  Scratch scratch;
  std::atomic<bool> is_done{false};
  std::thread asking([&] {
    while (!is_done) scratch->IsLocked("lock").IgnoreError();
  });
  for (int i = 0; i < 200; ++i) {
    const auto status = scratch->Lock("lock").status();
    INFO(status);
    CHECK(status.ok());
  }
  is_done = true;
  asking.join();
}

TEST_CASE("No descriptor is 0, 1 or 2, though those are closed") {
  Scratch scratch;
  const int failed = InChild([&] {
    const auto are_closed = [] {
      for (const int fd : {0, 1, 2}) {
        if (fcntl(fd, F_GETFD) >= 0) return false;
      }
      return true;
    };
    for (const int fd : {0, 1, 2}) close(fd);
    FileSystem& posix = FileSystem::Posix();
    const auto made = posix.OpenDirectory(scratch.PathOf("d"), DirectoryMode::kCreateIfMissing);
    if (!made.ok() || !are_closed()) return 1;
    const auto file = (*made)->OpenFile("a", FileMode::kCreate);
    if (!file.ok() || !are_closed()) return 2;
    const auto lock = (*made)->Lock("lock");
    if (!lock.ok() || !are_closed()) return 3;
    const auto below = (*made)->CreateDirectory("below");
    if (!below.ok() || !are_closed()) return 4;
    if (!(*made)->List().ok() || !(*made)->IsLocked("lock").ok() || !are_closed()) return 5;
    posix.BootId();
    if (write(2, "log", 3) != -1 || errno != EBADF) return 6;
    return (*file)->Size().value() == 0 ? 0 : 7;
  });
  CHECK(failed == 0);
}

TEST_CASE("A directory on a file system that syncs none is as durable as that makes it") {
  // Nothing of /proc can be synced: EINVAL.
  const auto directory = FileSystem::Posix().OpenDirectory("/proc", DirectoryMode::kMustExist);
  REQUIRE(directory.ok());
  CHECK((*directory)->Sync().ok());
}

TEST_CASE("A data directory is made below one that may be written to and not read") {
  Scratch scratch;
  const auto parent = scratch->CreateDirectory("parent").value();
  REQUIRE(chmod(scratch.PathOf("").c_str(), 0711) == 0);
  REQUIRE(chmod(scratch.PathOf("parent").c_str(), 0333) == 0);
  const int failed = InChild([&] {
    // Root may read everything.
    if (geteuid() == 0 && seteuid(65534) != 0) return 1;
    if (parent->OpenDirectory(".").ok()) return 2;
    if (open(scratch.PathOf("parent").c_str(), O_RDONLY) >= 0) return 3;
    const auto made = FileSystem::Posix().OpenDirectory(scratch.PathOf("parent/data"),
                                                        DirectoryMode::kCreateIfMissing);
    return made.ok() ? 0 : 4;
  });
  CHECK(failed == 0);
  REQUIRE(chmod(scratch.PathOf("parent").c_str(), 0700) == 0);
}

TEST_CASE("The lock of a killed process is free") {
  Scratch scratch;
  HoldingProcess holder([&] { return scratch->Lock("lock"); });
  const auto refused = scratch->Lock("lock").status();
  CHECK(std::string(refused.message()).find("process " + std::to_string(holder.id())) !=
        std::string::npos);
  holder.Kill();
  CHECK(scratch->Lock("lock").ok());
}

TEST_CASE("An allocation past the limit on file sizes leaves the file as long as before") {
  Scratch scratch;
  const int failed = InChild([&] {
    const rlimit limit{1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto file = scratch->OpenFile("a", FileMode::kCreate).value();
    if (!file->Allocate(8192).ok()) return 2;
    const auto status = file->Allocate(2 << 20);
    if (!absl::IsResourceExhausted(status)) return 3;
    if (std::string(status.message()).find("ulimit -f") == std::string::npos) return 4;
    if (file->Size().value() != 8192) return 5;
    if (!absl::IsResourceExhausted(file->WriteAt(2 << 20, BytesOf("x")))) return 6;
    if (!file->WriteAt((1 << 20) - 1, BytesOf("x")).ok()) return 7;
    if (!absl::IsResourceExhausted(file->WriteAt(1 << 20, BytesOf("x")))) return 8;
    return 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("A directory is locked where no file may have a byte") {
  Scratch scratch;
  const int failed = InChild([&] {
    const rlimit limit{0, 0};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    return scratch->Lock("lock").ok() ? 0 : 2;
  });
  CHECK(failed == 0);
}

TEST_CASE("Without descriptors the error says which limit to raise") {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  WARN("skipped: the sanitizer needs descriptors of its own");
  return;
#endif
#endif
  Scratch scratch;
  const int failed = InChild([&] {
    const rlimit limit{0, 0};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    const auto status = scratch->OpenFile("a", FileMode::kCreate).status();
    if (!absl::IsResourceExhausted(status)) return 2;
    return std::string(status.message()).find("ulimit -n") == std::string::npos ? 3 : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("Descriptors are not inherited by programs that are started") {
  Scratch scratch;
  const auto file = scratch->OpenFile("a", FileMode::kCreate).value();
  const auto lock = scratch->Lock("lock").value();
  int inherited = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find(scratch.PathOf("")) != 0) continue;
    const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
    inherited += (flags & FD_CLOEXEC) == 0 ? 1 : 0;
  }
  CHECK(inherited == 0);
}

TEST_CASE("A data directory is made with its last component only") {
  Scratch scratch;
  FileSystem& posix = FileSystem::Posix();
  CHECK(absl::IsNotFound(
      posix.OpenDirectory(scratch.PathOf("x"), DirectoryMode::kMustExist).status()));
  CHECK(absl::IsNotFound(
      posix.OpenDirectory(scratch.PathOf("x/y"), DirectoryMode::kCreateIfMissing).status()));
  CHECK(posix.OpenDirectory(scratch.PathOf("x"), DirectoryMode::kCreateIfMissing).ok());
  CHECK(posix.OpenDirectory(scratch.PathOf("x"), DirectoryMode::kCreateIfMissing).ok());
  CHECK(absl::IsInvalidArgument(posix.OpenDirectory("", DirectoryMode::kMustExist).status()));
  REQUIRE(scratch->OpenFile("file", FileMode::kCreate).ok());
  CHECK(absl::IsFailedPrecondition(
      posix.OpenDirectory(scratch.PathOf("file"), DirectoryMode::kCreateIfMissing).status()));
}

TEST_CASE("The boot id is the kernel's and stays while it runs") {
  const auto id = FileSystem::Posix().BootId();
  CHECK(id == FileSystem::Posix().BootId());
  CHECK(std::any_of(id.begin(), id.end(), [](std::byte b) { return b != std::byte{0}; }));
}

TEST_CASE("A part that is shown to be in use can be shown to be so no more") {
  Scratch scratch;
  const auto held = scratch->Lock("lock").value();
  REQUIRE(held->ShowInUse(7).ok());
  REQUIRE(held->ShowInUse(8).ok());
  held->ShowUnused(7);
  held->ShowUnused(9);
  CHECK(scratch->IsInUse("lock", 7).value() == false);
  CHECK(scratch->IsInUse("lock", 8).value() == true);
  CHECK(scratch->IsLocked("lock").value() == true);
}

}  // namespace daybook
