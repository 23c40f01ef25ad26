#include "torture/disk/logged_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#if defined(DAYBOOK_HAS_FUSE)
#define FUSE_USE_VERSION 35
#include <fuse.h>
#endif

namespace daybook::torture {
namespace {

constexpr std::size_t kSectorBytes = 4096;
constexpr char kFile[] = "/disk";

// Before each entry of the log; the bytes of a write follow.
struct EntryHead {
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  bool is_flush = false;
};

}  // namespace

void DiskContent::Write(std::uint64_t position, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t at = position % kPageBytes;
    const std::size_t length = std::min(bytes.size(), kPageBytes - at);
    std::memcpy(pages_[position / kPageBytes].data() + at, bytes.data(), length);
    position += length;
    bytes.remove_prefix(length);
  }
}

bool DiskContent::Store(const std::string& path, std::uint64_t bytes) const {
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  bool is_stored = fd >= 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0;
  for (const auto& [number, page] : pages_) {
    is_stored = is_stored && pwrite(fd, page.data(), page.size(),
                                    static_cast<off_t>(number * kPageBytes)) == kPageBytes;
  }
  if (fd >= 0) close(fd);
  return is_stored;
}

DiskContent AfterPowerCut(DiskContent before, const std::vector<DiskEntry>& log,
                          std::int64_t entries, std::mt19937_64& random) {
  const auto end = log.begin() + std::min<std::int64_t>(entries, std::ssize(log));
  auto flushed = end;
  while (flushed != log.begin() && !(flushed - 1)->is_flush) --flushed;
  for (auto entry = log.begin(); entry != flushed; ++entry) {
    before.Write(entry->position, entry->bytes);
  }
  const std::uint64_t most = random() % 3;  // of two writes: none, one, both
  for (auto entry = flushed; entry != end; ++entry) {
    const std::string_view bytes = entry->bytes;
    const bool is_torn = random() % 8 == 0;
    bool is_kept = random() % 2 < most;
    for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes) {
      if (is_torn) is_kept = random() % 2 == 0;
      if (is_kept) before.Write(entry->position + at, bytes.substr(at, kSectorBytes));
    }
  }
  return before;
}

#if defined(DAYBOOK_HAS_FUSE)

// The file system with the one file, in a process of its own.
class DiskServer {
 public:
  DiskServer(const LoggedDisk& disk, LoggedDisk::Shared& shared, int ready)
      : shared_(shared),
        image_(open(disk.image_.c_str(), O_RDWR | O_CLOEXEC)),
        log_(open(disk.log_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)),
        ready_(ready) {}

  int Serve(const std::string& at) {
    fuse_operations operations{};
    operations.getattr = [](const char* path, struct stat* out, fuse_file_info*) {
      return Self().Describe(path, out);
    };
    operations.open = [](const char*, fuse_file_info* file) {
      file->direct_io = 1;  // what the kernel writes comes here at once, and in its order
      return 0;
    };
    operations.read = [](const char*, char* out, std::size_t size, off_t position,
                         fuse_file_info*) {
      return static_cast<int>(pread(Self().image_, out, size, position));
    };
    operations.write = [](const char*, const char* bytes, std::size_t size, off_t position,
                          fuse_file_info*) { return Self().Write(bytes, size, position); };
    operations.fsync = [](const char*, int, fuse_file_info*) { return Self().Flush(); };
    char name[] = "daybook-disk";
    char* arguments[] = {name, nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    fuse* const server = fuse_new(&args, &operations, sizeof operations, this);
    if (server == nullptr || fuse_mount(server, at.c_str()) != 0) return 1;
    if (write(ready_, "y", 1) != 1) return 1;
    return fuse_loop(server);
  }

 private:
  static DiskServer& Self() { return *static_cast<DiskServer*>(fuse_get_context()->private_data); }

  int Describe(const char* path, struct stat* out) const {
    if (fstat(image_, out) != 0) return -errno;
    if (std::strcmp(path, kFile) == 0) return 0;
    if (std::strcmp(path, "/") != 0) return -ENOENT;
    out->st_mode = S_IFDIR | 0700;
    return 0;
  }
  int Write(const char* bytes, std::size_t size, off_t position) {
    if (Fails()) return -EIO;
    const auto length = static_cast<ssize_t>(size);
    if (pwrite(image_, bytes, size, position) != length) return -EIO;
    const EntryHead head{.position = static_cast<std::uint64_t>(position), .bytes = size};
    return Note(head, bytes) ? static_cast<int>(size) : -EIO;
  }
  int Flush() { return !Fails() && Note({.is_flush = true}, "") ? 0 : -EIO; }

  bool Fails() {
    LoggedDisk::Failing next = LoggedDisk::Failing::kNext;
    const bool is_next = shared_.failing.compare_exchange_strong(next, LoggedDisk::Failing::kNone);
    if (!is_next && next != LoggedDisk::Failing::kAll) return false;
    ++shared_.failures;
    return true;
  }
  bool Note(const EntryHead& head, const char* bytes) {
    if (write(log_, &head, sizeof head) != sizeof head) return false;
    if (write(log_, bytes, head.bytes) != static_cast<ssize_t>(head.bytes)) return false;
    ++shared_.entries;
    return true;
  }

  LoggedDisk::Shared& shared_;
  const int image_;
  const int log_;
  const int ready_;
};

#endif

LoggedDisk::LoggedDisk(const std::string& directory, std::uint64_t bytes,
                       const DiskContent& content)
    : image_(directory + "/image"), log_(directory + "/log"), served_(directory + "/served") {
#if defined(DAYBOOK_HAS_FUSE)
  int ready[2];
  if (!std::filesystem::create_directory(served_) || !content.Store(image_, bytes) ||
      pipe2(ready, O_CLOEXEC) != 0) {
    return;
  }
  server_ = fork();
  if (server_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ready[0]);
    _exit(DiskServer(*this, *shared_, ready[1]).Serve(served_));
  }
  close(ready[1]);
  char answer = 0;
  is_served_ = read(ready[0], &answer, 1) == 1;
  close(ready[0]);
#else
  static_cast<void>(bytes);
  static_cast<void>(content);
#endif
}

LoggedDisk::~LoggedDisk() {
  if (server_ < 0) return;
  if (is_served_) umount2(served_.c_str(), MNT_DETACH);
  kill(server_, SIGKILL);  // its log and what it holds are files
  waitpid(server_, nullptr, 0);
}

std::vector<DiskEntry> LoggedDisk::Log() const {
  std::vector<DiskEntry> log;
  std::ifstream in(log_, std::ios::binary);
  EntryHead head;
  while (in.read(reinterpret_cast<char*>(&head), sizeof head)) {
    DiskEntry& entry = log.emplace_back(
        DiskEntry{.is_flush = head.is_flush, .position = head.position, .bytes = {}});
    entry.bytes.resize(head.bytes);
    in.read(entry.bytes.data(), static_cast<std::streamsize>(head.bytes));
  }
  return log;
}

}  // namespace daybook::torture
