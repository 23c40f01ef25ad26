#include "io/posix_file.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/mutex.h"
#include "base/page.h"
#include "base/planted_bug.h"
#include "io/posix_error.h"

namespace daybook::inline v1 {
namespace {

// The file system, or the kernel, has no such call.
bool IsUnsupported(int error) { return error == EOPNOTSUPP || error == ENOSYS; }

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* data, std::size_t size) : MappedFile(static_cast<std::byte*>(data), size) {}
  ~PosixMappedFile() override { munmap(data(), size()); }

  void ReleasePages(std::size_t begin, std::size_t end) override {
    // Of a shared mapping of a file: nothing is lost. An error leaves the pages mapped.
    madvise(data() + begin, end - begin, MADV_DONTNEED);
  }
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<std::uint64_t> Size() override {
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) return PosixError(errno, "look at", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  absl::StatusOr<std::uint64_t> FreeBytes() override {
    struct statvfs status {};
    if (fstatvfs(fd_.get(), &status) != 0) return PosixError(errno, "look at", path_);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  absl::Status Allocate(std::uint64_t end) override {
    if (end == 0) return absl::OkStatus();
    // What one call gains another one, failing, must not give back.
    MutexLock lock(allocation_mutex_);
    const auto before = Size();
    if (!before.ok()) return before.status();
    if (const int error = CheckFileSizeLimit(std::max(end, *before)); error != 0) {
      return PosixError(error, "allocate", path_);
    }
    if (IsPlanted(PlantedBug::kSparseFile)) return Truncate(std::max(end, *before));
    int error = AllocateRange(0, end);
    // XFS wants as many free blocks as the range has, those that the file has there not counted.
    if (error == ENOSPC || error == EDQUOT) error = AllocateMissing(*before, end);
    // The size last: an allocation that fails has not made the file longer then.
    if (error == 0) return end <= *before ? absl::OkStatus() : Truncate(end);
    if (IsPlanted(PlantedBug::kGrowsOutsideOfLock)) {
      Truncate(*before).IgnoreError();
      return PosixError(error, "allocate", path_);
    }
    if (!IsUnsupported(error)) {
      GiveBackBehindEnd();
      return PosixError(error, "allocate", path_);
    }
    const absl::Status status = WriteZeros(*before, end);
    if (!status.ok()) Truncate(*before).IgnoreError();
    return status;
  }

  absl::Status Deallocate(std::uint64_t begin, std::uint64_t end) override {
    begin = RoundUpToPage(begin);
    end = end / kPageBytes * kPageBytes;
    if (begin >= end) return absl::OkStatus();
    constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (RetryOnSignal([&] {
          return fallocate(fd_.get(), kMode, static_cast<off_t>(begin),
                           static_cast<off_t>(end - begin));
        }) == 0) {
      return absl::OkStatus();
    }
    if (IsUnsupported(errno)) return WriteZeros(begin, end);
    return PosixError(errno, "give back blocks of", path_);
  }

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t position, std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = RetryOnSignal([&] {
        return pread(fd_.get(), out.data() + done, out.size() - done,
                     static_cast<off_t>(position + done));
      });
      if (got < 0) return PosixError(errno, "read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  absl::Status WriteAt(std::uint64_t position, std::span<const std::byte> bytes) override {
    if (const int error = CheckFileSizeLimit(position + bytes.size()); error != 0) {
      return PosixError(error, "write", path_);
    }
    while (!bytes.empty()) {
      const ssize_t put = RetryOnSignal([&] {
        return pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(position));
      });
      if (put < 0) return PosixError(errno, "write", path_);
      position += static_cast<std::uint64_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    // Not again after an error, EINTR apart: the pages that failed count as clean from then on.
    if (RetryOnSignal([&] { return fdatasync(fd_.get()); }) == 0) return absl::OkStatus();
    return PosixError(errno, "sync", path_);
  }

  absl::StatusOr<std::unique_ptr<MappedFile>> Map(std::uint64_t length, MapAccess access) override {
    const int protection = access == MapAccess::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
    void* data = mmap(nullptr, length, protection, MAP_SHARED, fd_.get(), 0);
    if (data == MAP_FAILED) return PosixError(errno, "map", path_);
    return std::make_unique<PosixMappedFile>(data, length);
  }

 private:
  absl::Status Truncate(std::uint64_t size) {
    if (RetryOnSignal([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); }) == 0) {
      return absl::OkStatus();
    }
    return PosixError(errno, "resize", path_);
  }

  // An errno, or 0.
  int AllocateRange(std::uint64_t begin, std::uint64_t end) {
    const auto call = [&] {
      return fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                       static_cast<off_t>(end - begin));
    };
    return begin >= end || RetryOnSignal(call) == 0 ? 0 : errno;
  }

  // Asks for blocks only where there are none so far in a file of `size` bytes. An errno, or 0.
  int AllocateMissing(std::uint64_t size, std::uint64_t end) {
    std::uint64_t at = 0;
    while (at < std::min(size, end)) {
      alignas(fiemap) std::array<std::byte, sizeof(fiemap) + sizeof(fiemap_extent)> room{};
      auto* const map = reinterpret_cast<fiemap*>(room.data());  // one of its fm_extents behind it
      map->fm_start = at;
      map->fm_length = std::min(size, end) - at;
      map->fm_extent_count = 1;
      const int asked = RetryOnSignal([&] { return ioctl(fd_.get(), FS_IOC_FIEMAP, map); });
      if (asked != 0 || map->fm_mapped_extents == 0) break;
      const fiemap_extent& extent = map->fm_extents[0];
      if (const int error = AllocateRange(at, extent.fe_logical); error != 0) return error;
      at = extent.fe_logical + extent.fe_length;
    }
    return AllocateRange(at, end);
  }

  // What an allocation that failed has gained before it did. Never bytes that the file has: were
  // it longer meanwhile than it was, those would be another one's.
  void GiveBackBehindEnd() {
    if (const auto size = Size(); size.ok()) Truncate(*size).IgnoreError();
  }

  // For file systems that can neither allocate ahead nor punch holes; what lies before the end has
  // blocks there because it was written.
  absl::Status WriteZeros(std::uint64_t from, std::uint64_t end) {
    static constexpr std::array<std::byte, 64 << 10> kZeros{};
    while (from < end) {
      const std::uint64_t size = std::min<std::uint64_t>(end - from, kZeros.size());
      if (const auto status = WriteAt(from, std::span(kZeros).first(size)); !status.ok()) {
        return status;
      }
      from += size;
    }
    return absl::OkStatus();
  }

  const Descriptor fd_;
  const std::string path_;
  Mutex allocation_mutex_;
};

}  // namespace

int CheckFileSizeLimit(std::uint64_t end) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return end <= limit.rlim_cur ? 0 : EFBIG;
}

std::unique_ptr<File> MakePosixFile(Descriptor fd, std::string path) {
  return std::make_unique<PosixFile>(std::move(fd), std::move(path));
}

}  // namespace daybook::inline v1
