#ifndef DAYBOOK_IO_SIMULATED_DISK_H_
#define DAYBOOK_IO_SIMULATED_DISK_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "daybook/system/simulated_file_system.h"
#include "io/simulated_file.h"

namespace daybook::inline v1 {

// What is told of changes, until it is taken. Guarded by the disk's mutex.
struct SimulatedChanges {
  std::vector<DirectoryWatch::Change> untaken;
};

// A directory: entries of now, and those that a power cut leaves in any case.
struct SimulatedDirectory {
  struct Entry {
    std::shared_ptr<SimulatedFile> file;  // one of the two
    std::shared_ptr<SimulatedDirectory> directory;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entries live;
  Entries durable;
  std::set<std::uint64_t> in_use;  // parts that the holder of the lock shows
  std::vector<std::pair<std::weak_ptr<SimulatedChanges>, std::uint64_t>> watches;  // with their ids
  bool is_locked = false;
};

class SimulatedDisk;

// Counts what holds it among the disk's open handles.
class OpenHandle {
 public:
  explicit OpenHandle(std::shared_ptr<SimulatedDisk> disk);
  ~OpenHandle();
  OpenHandle(const OpenHandle&) = delete;
  OpenHandle& operator=(const OpenHandle&) = delete;

 private:
  const std::shared_ptr<SimulatedDisk> disk_;
};

// The state of a SimulatedFileSystem, shared with all that was opened through it.
class SimulatedDisk {
 public:
  using Operation = SimulatedFileSystem::Operation;
  using Entry = SimulatedDirectory::Entry;

  SimulatedDisk();

  // Asks the hook, with no lock held, and lets the kernel do as it likes.
  absl::Status Before(Operation operation, const std::string& path) ABSL_LOCKS_EXCLUDED(mutex);

  std::shared_ptr<SimulatedFile> MakeFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Changes an entry of `directory`, and notes that this is not durable; no entry: it is removed.
  void SetEntry(const std::shared_ptr<SimulatedDirectory>& directory, const std::string& name,
                Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // The same for both names of a renaming, which happens whole or not at all.
  void Rename(const std::shared_ptr<SimulatedDirectory>& directory, const std::string& from,
              const std::string& to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void SyncDirectory(SimulatedDirectory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Deallocate(SimulatedFile& file, std::uint64_t begin, std::uint64_t end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // ResourceExhausted unless `file` may grow to `size`.
  absl::Status Grow(SimulatedFile& file, std::uint64_t size, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // `file` is not on the disk any more.
  void Free(const SimulatedFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  std::shared_ptr<SimulatedDisk> Clone() const ABSL_LOCKS_EXCLUDED(mutex);
  std::shared_ptr<SimulatedDisk> AfterPowerCut(std::uint64_t seed) const ABSL_LOCKS_EXCLUDED(mutex);

  // Files, maps, directories and locks that are open.
  std::atomic<std::int64_t> handles{0};

  mutable Mutex mutex;
  std::shared_ptr<SimulatedDirectory> root ABSL_GUARDED_BY(mutex);
  SimulatedFileSystem::Hook hook ABSL_GUARDED_BY(mutex);
  std::uint64_t capacity ABSL_GUARDED_BY(mutex) = ~std::uint64_t{0};
  std::uint64_t allocated ABSL_GUARDED_BY(mutex) = 0;
  std::uint64_t boot ABSL_GUARDED_BY(mutex) = 1;
  bool tells_changes ABSL_GUARDED_BY(mutex) = true;

 private:
  // A change of a directory that is not durable yet, in the order in which they were made.
  struct Change {
    std::shared_ptr<SimulatedDirectory> directory;
    std::string name;
    Entry entry;
    std::string old_name;  // of a renaming
  };
  static void Apply(const Change& change, SimulatedDirectory::Entries& entries);
  void Make(Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex);
  std::vector<std::weak_ptr<SimulatedFile>> files_ ABSL_GUARDED_BY(mutex);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_SIMULATED_DISK_H_
