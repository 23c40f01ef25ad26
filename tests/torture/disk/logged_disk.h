#ifndef DAYBOOK_TORTURE_DISK_LOGGED_DISK_H_
#define DAYBOOK_TORTURE_DISK_LOGGED_DISK_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "torture/scratch.h"

namespace daybook::torture {

// What is on a disk: zeros, but for what was written.
class DiskContent {
 public:
  void Write(std::uint64_t position, std::string_view bytes);
  // A new sparse file.
  bool Store(const std::string& path, std::uint64_t bytes) const;

 private:
  static constexpr std::size_t kPageBytes = 4096;
  std::map<std::uint64_t, std::array<char, kPageBytes>> pages_;  // by number
};

// What a disk was told, in the order in which it answered.
struct DiskEntry {
  bool is_flush = false;  // all that was written before is to survive a power cut
  std::uint64_t position = 0;
  std::string bytes;
};

// What a disk may hold if the power is cut when it has answered `entries`: on top of `before` all
// that was flushed, and of the rest any part, by sectors of 4 KiB. Smaller ones are not torn off:
// ext4 (its superblock) and XFS take it that those are written whole, or not at all.
DiskContent AfterPowerCut(DiskContent before, const std::vector<DiskEntry>& log,
                          std::int64_t entries, std::mt19937_64& random);

// A disk for the real kernel that logs what it is told, and fails where it is told to: a file in a
// FUSE file system that a process of its own serves, to be mounted with a loop device. At most one
// thread at a time.
class LoggedDisk {
 public:
  // Which writes and flushes are answered with EIO.
  enum class Failing { kNone, kNext, kAll };

  // Serves it in `directory`, empty so far, with what `content` holds.
  LoggedDisk(const std::string& directory, std::uint64_t bytes, const DiskContent& content = {});
  // Whatever is mounted from it must be unmounted before.
  ~LoggedDisk();
  LoggedDisk(const LoggedDisk&) = delete;
  LoggedDisk& operator=(const LoggedDisk&) = delete;

  // False: it takes root, /dev/fuse, and libfuse when this was built.
  bool is_served() const { return is_served_; }
  // The file.
  std::string path() const { return served_ + "/disk"; }
  // How many writes and flushes it has answered.
  std::int64_t entries() { return shared_->entries.load(); }
  // How many of them with an error.
  std::int64_t failures() { return shared_->failures.load(); }
  void Fail(Failing failing) { shared_->failing.store(failing); }
  std::vector<DiskEntry> Log() const;

 private:
  friend class DiskServer;
  struct Shared {
    std::atomic<std::int64_t> entries{0};
    std::atomic<std::int64_t> failures{0};
    std::atomic<Failing> failing{Failing::kNone};
  };

  const std::string image_;   // what it holds now
  const std::string log_;     // its log, as a file
  const std::string served_;  // where it can be seen
  InSharedMemory<Shared> shared_;
  int server_ = -1;  // process
  bool is_served_ = false;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_DISK_LOGGED_DISK_H_
