#ifndef DAYBOOK_SYSTEM_FILE_SYSTEM_H_
#define DAYBOOK_SYSTEM_FILE_SYSTEM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/export.h"

// The seam to the disk: every system call on files that the library makes goes through these four
// interfaces. FileSystem::Posix() is the real one; SimulatedFileSystem (simulated_file_system.h)
// keeps files in memory, fails on demand, and forgets what was not synced.
//
// Descriptors are never 0, 1 or 2, also where the program has closed those, so that nothing that is
// printed gets into a file of ours. All sizes and positions are bytes. All errors name the file and
// what to do:
//   NotFound            no such file or directory
//   AlreadyExists       the name is taken
//   ResourceExhausted   disk full, quota reached, or out of descriptors or maps
//   PermissionDenied    the mode or owner of the file or directory forbids it
//   FailedPrecondition  not a regular file or directory (a link, FIFO or device in its place), or
//                       a lock held by another process
//   DataLoss            the device reported an I/O error

namespace daybook::inline v1 {

// The mapping of one file, shared with every other mapping of it. Unmapped by the destructor; the
// file may be removed before that, the bytes stay.
class DAYBOOK_EXPORT MappedFile {
 public:
  virtual ~MappedFile() = default;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  // Lets go of the pages of [begin, end), whole ones: what they hold stays, and is mapped again
  // when it is touched. Pages that are not mapped are cheaper to write back.
  virtual void ReleasePages(std::size_t begin, std::size_t end) = 0;

 protected:
  MappedFile(std::byte* data, std::size_t size) : data_(data), size_(size) {}

 private:
  std::byte* const data_;
  const std::size_t size_;
};

// Whether a mapping may be written.
enum class MapAccess { kRead, kReadWrite };

// One open regular file. Thread-safe. Closed by the destructor, which syncs nothing.
class DAYBOOK_EXPORT File {
 public:
  virtual ~File() = default;

  virtual absl::StatusOr<std::uint64_t> Size() = 0;

  // Gives the file real, zeroed blocks up to `end`, and makes it at least that long. Bytes that
  // it has already are kept. On ResourceExhausted the file is as long as before.
  virtual absl::Status Allocate(std::uint64_t end) = 0;

  // How many bytes the file system could give to files now. A hint: others take some meanwhile.
  // Asked before more is allocated than is needed at once. The default knows of no bound.
  virtual absl::StatusOr<std::uint64_t> FreeBytes() {
    return std::numeric_limits<std::uint64_t>::max();
  }

  // Gives the blocks of the whole pages in [begin, end) back to the file system. They read as
  // zeros then, through mappings too; the size stays as it is, so no reader is cut off.
  virtual absl::Status Deallocate(std::uint64_t begin, std::uint64_t end) = 0;

  // Fills `out` from `position`; returns how many bytes there were (fewer only at the end).
  virtual absl::StatusOr<std::size_t> ReadAt(std::uint64_t position, std::span<std::byte> out) = 0;

  // Writes all of `bytes` at `position`, extending the file when it must.
  virtual absl::Status WriteAt(std::uint64_t position, std::span<const std::byte> bytes) = 0;

  // When it returns OK, all that was written to the file or to any mapping of it before the call
  // survives a power cut, the size included. After an error nothing is known about what was not
  // yet durable, and a later OK says nothing about it either (faults of fsync: the kernel drops
  // the dirty pages of a failed write).
  virtual absl::Status Sync() = 0;

  // Maps [0, length). `length` may pass the end of the file: those bytes must not be touched
  // until Allocate has covered them.
  virtual absl::StatusOr<std::unique_ptr<MappedFile>> Map(std::uint64_t length,
                                                          MapAccess access) = 0;
};

// An exclusive lock that the operating system releases when the holder dies. Released by the
// destructor.
class DAYBOOK_EXPORT FileLock {
 public:
  virtual ~FileLock() = default;

  // Shows others, for as long as the lock is held, that the part of that number is in use. An
  // error: others could take it for unused, and it must not be used.
  virtual absl::Status ShowInUse(std::uint64_t part) {
    static_cast<void>(part);
    return absl::OkStatus();
  }
  // The part is not in use any more. Nothing happens where it was not shown to be.
  virtual void ShowUnused(std::uint64_t part) { static_cast<void>(part); }
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

enum class FileMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write; must not exist: AlreadyExists otherwise
};

// One open directory. Names are single components, resolved below the open directory, and links
// are never followed. Thread-safe.
class DAYBOOK_EXPORT Directory {
 public:
  virtual ~Directory() = default;

  // For messages only: never resolved again.
  virtual const std::string& path() const = 0;

  virtual absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view name) = 0;

  // Makes the directory if it is not there, mode 0700 whatever the umask, and opens it.
  virtual absl::StatusOr<std::unique_ptr<Directory>> CreateDirectory(std::string_view name) = 0;

  // New files have mode 0600 whatever the umask.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenFile(std::string_view name, FileMode mode) = 0;

  // In no order; without "." and "..".
  virtual absl::StatusOr<std::vector<DirectoryEntry>> List() = 0;

  // Replaces `to` if it exists, atomically. Durable after Sync.
  virtual absl::Status Rename(std::string_view from, std::string_view to) = 0;

  virtual absl::Status RemoveFile(std::string_view name) = 0;

  // The directory must be empty: FailedPrecondition otherwise.
  virtual absl::Status RemoveDirectory(std::string_view name) = 0;

  // When it returns OK, the creations, renames and removals of before survive a power cut; where
  // the file system syncs no directories (EINVAL), as far as it promises that by itself.
  virtual absl::Status Sync() = 0;

  // Locks the directory itself for this open, and the file `name` in it, which is made if needed
  // and gets the process id, for the message of whoever finds it locked: FailedPrecondition with
  // that id, also when the file was removed or replaced meanwhile. Does not wait.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view name) = 0;

  // Whether a process that lives, this one included, holds that lock. Changes nothing, and works
  // where nothing may be written.
  virtual absl::StatusOr<bool> IsLocked(std::string_view name) = 0;
  // Whether whoever holds it shows that part to be in use. True also where only the lock itself can
  // be asked about.
  virtual absl::StatusOr<bool> IsInUse(std::string_view name, std::uint64_t part) {
    static_cast<void>(part);
    return IsLocked(name);
  }
};

// Tells of changes of names in directories. Thread-safe.
class DAYBOOK_EXPORT DirectoryWatch {
 public:
  virtual ~DirectoryWatch() = default;

  // From now on the watch tells when a file or directory in `directory` is made, renamed or
  // removed, whichever process does that. `directory` may be closed meanwhile.
  //   Unimplemented       its file system cannot, or not reliably: a network file system, an
  //   overlay ResourceExhausted   the system's bound on watches is reached
  virtual absl::Status Add(Directory& directory, std::uint64_t id) = 0;

  struct Change {
    std::uint64_t id = 0;
    std::string name;  // empty: there were too many to tell which
  };
  // Without waiting, what has changed since the last call. Complete for calls that have returned.
  virtual std::vector<Change> Take() = 0;
};

enum class DirectoryMode {
  kMustExist,
  // The last component only; mode 0700 whatever the umask. It survives a power cut from then on,
  // as far as Directory::Sync can promise that.
  kCreateIfMissing,
};

// Thread-safe; must outlive everything opened through it.
class DAYBOOK_EXPORT FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view path,
                                                                   DirectoryMode mode) = 0;

  // Differs between two boots of the machine: what the page cache held is gone when it changed.
  // Source: /proc/sys/kernel/random/boot_id.
  virtual std::array<std::byte, 16> BootId() = 0;

  // Null: there is none to be had, and whoever wants to know looks again and again.
  virtual std::unique_ptr<DirectoryWatch> Watch() { return nullptr; }

  // The operating system's.
  static FileSystem& Posix();
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SYSTEM_FILE_SYSTEM_H_
