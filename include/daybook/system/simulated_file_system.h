#ifndef DAYBOOK_SYSTEM_SIMULATED_FILE_SYSTEM_H_
#define DAYBOOK_SYSTEM_SIMULATED_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "daybook/export.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

class SimulatedDisk;

// A file system in memory that forgets what was not synced, fails on demand and runs full: for
// tests of this library and of programs that use it. Everything begins in the directory "/".
//
//   SimulatedFileSystem disk;
//   auto broker = Broker::Open("/data", {.file_system = &disk}).value();
//   ...
//   auto after = disk.CutPower(seed);  // what a power cut at this moment could leave
//   auto recovered = Broker::Open("/data", {.file_system = after.get()});
//
// What a power cut leaves of a file, for each unit (a sector, a page, or a folio of pages: the seed
// decides) on its own: the bytes of its last sync, the bytes of now, or bytes of some moment
// between, since the kernel writes back what it likes, when it likes. Of a directory: its entries
// as of its last sync, and a beginning of what was created, renamed and removed since then in all
// directories. Bytes behind the end of a file cannot be touched through its mappings: it is a
// segmentation fault here, where it would be SIGBUS on a real disk.
//
// Thread-safe, with one exception: bytes that are written through a mapping while a Sync, a
// CutPower or a Kill runs are a data race, and may be in what that keeps or not, each on its own. A
// Kill is the state of one moment only while nobody writes. Must outlive everything opened through
// it.
class DAYBOOK_EXPORT SimulatedFileSystem final : public FileSystem {
 public:
  SimulatedFileSystem();
  ~SimulatedFileSystem() override;

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view path,
                                                           DirectoryMode mode) override;
  std::array<std::byte, 16> BootId() override;
  std::unique_ptr<DirectoryWatch> Watch() override;
  // As on a network file system or an overlay: watches cannot be had any more.
  void TellNoChanges();

  // What the disk could hold after a power cut now, in a new boot with nothing locked. This one
  // stays as it is: a test can cut at every sync and go on.
  std::unique_ptr<SimulatedFileSystem> CutPower(std::uint64_t seed) const;

  // What another process finds after this one was killed now: everything, since the page cache
  // lives on, in the same boot, with nothing locked.
  std::unique_ptr<SimulatedFileSystem> Kill() const;

  // The process that holds locks dies: they are free, and all else stays as it is. Whatever it had
  // open must not write any more.
  void ReleaseLocks();

  enum class Operation {
    kOpen,
    kCreate,
    kList,
    kAllocate,
    kDeallocate,
    kRead,
    kWrite,
    kSync,
    kMap,
    kRename,
    kRemove,
    kSyncDirectory,
    kLock,
  };
  // Asked before each operation, with the path of its file or directory; an error is what the
  // operation then answers, having done nothing. A sync that fails so forgets, as the kernel does,
  // that its pages were ever dirty: a later one answers OK and does not write them. Must not call
  // back, except CutPower and Kill.
  using Hook = std::function<absl::Status(Operation operation, const std::string& path)>;
  void SetHook(Hook hook);

  // So many bytes can be allocated in all, by whole pages; ResourceExhausted beyond. What is there
  // stays. The default is without bound.
  void SetCapacity(std::uint64_t bytes);

  // Flips the bits of `mask` in one byte of a file, now and durably.
  absl::Status Corrupt(const std::string& path, std::uint64_t position, std::byte mask);

  // How many files, maps, directories and locks are open now.
  std::int64_t OpenHandles() const;

  // All files, by path.
  std::vector<std::string> Files() const;

 private:
  explicit SimulatedFileSystem(std::shared_ptr<SimulatedDisk> disk);

  std::shared_ptr<SimulatedDisk> disk_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SYSTEM_SIMULATED_FILE_SYSTEM_H_
