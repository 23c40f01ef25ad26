#include "daybook/system/simulated_file_system.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/name_check.h"
#include "io/opened_file.h"
#include "io/simulated_disk.h"

namespace daybook::inline v1 {
namespace {

using Operation = SimulatedFileSystem::Operation;
absl::Status NotThere(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("cannot open ", path, ": no such file or directory"));
}
absl::Status WrongKind(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot open ", path, ": something else stands in its place"));
}

class HeldLock final : public FileLock {
 public:
  HeldLock(std::shared_ptr<SimulatedDisk> disk, std::shared_ptr<SimulatedDirectory> directory)
      : disk_(std::move(disk)), directory_(std::move(directory)) {}
  ~HeldLock() override {
    MutexLock lock(disk_->mutex);
    directory_->is_locked = false;
    directory_->in_use.clear();
  }
  absl::Status ShowInUse(std::uint64_t part) override {
    MutexLock lock(disk_->mutex);
    directory_->in_use.insert(part);
    return absl::OkStatus();
  }
  void ShowUnused(std::uint64_t part) override {
    MutexLock lock(disk_->mutex);
    directory_->in_use.erase(part);
  }

 private:
  const std::shared_ptr<SimulatedDisk> disk_;
  const std::shared_ptr<SimulatedDirectory> directory_;
  const OpenHandle handle_{disk_};
};

class OpenedDirectory final : public Directory {
 public:
  OpenedDirectory(std::shared_ptr<SimulatedDisk> disk,
                  std::shared_ptr<SimulatedDirectory> directory, std::string path)
      : disk_(std::move(disk)), directory_(std::move(directory)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view name) override {
    if (const auto status = Check(Operation::kOpen, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    return OpenLocked(name);
  }

  absl::StatusOr<std::unique_ptr<Directory>> CreateDirectory(std::string_view name) override {
    if (const auto status = Check(Operation::kCreate, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    if (directory_->live.find(name) == directory_->live.end()) {
      disk_->SetEntry(directory_, std::string(name),
                      {.file = nullptr, .directory = std::make_shared<SimulatedDirectory>()});
    }
    return OpenLocked(name);
  }

  absl::StatusOr<std::unique_ptr<File>> OpenFile(std::string_view name, FileMode mode) override {
    const bool is_new = mode == FileMode::kCreate;
    if (const auto status = Check(is_new ? Operation::kCreate : Operation::kOpen, name);
        !status.ok()) {
      return status;
    }
    MutexLock lock(disk_->mutex);
    const auto found = directory_->live.find(name);
    std::shared_ptr<SimulatedFile> file;
    if (found != directory_->live.end()) {
      if (is_new) return absl::AlreadyExistsError(absl::StrCat(PathOf(name), " exists"));
      file = found->second.file;
      if (file == nullptr) return WrongKind(PathOf(name));
    } else {
      if (!is_new) return NotThere(PathOf(name));
      file = disk_->MakeFile();
      disk_->SetEntry(directory_, std::string(name), {.file = file, .directory = nullptr});
    }
    return std::make_unique<OpenedFile>(disk_, std::move(file), PathOf(name),
                                        mode != FileMode::kRead);
  }

  absl::StatusOr<std::vector<DirectoryEntry>> List() override {
    if (const auto status = disk_->Before(Operation::kList, path_); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, entry] : directory_->live) {
      entries.push_back({name, entry.directory != nullptr});
    }
    return entries;
  }

  absl::Status Rename(std::string_view from, std::string_view to) override {
    absl::Status status = Check(Operation::kRename, from);
    status.Update(CheckComponent(to));
    if (!status.ok()) return status;
    MutexLock lock(disk_->mutex);
    const auto found = directory_->live.find(from);
    if (found == directory_->live.end()) return NotThere(PathOf(from));
    disk_->Rename(directory_, std::string(from), std::string(to));
    return absl::OkStatus();
  }

  absl::Status RemoveFile(std::string_view name) override {
    if (const auto status = Check(Operation::kRemove, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    const auto found = directory_->live.find(name);
    if (found == directory_->live.end()) return NotThere(PathOf(name));
    if (found->second.file == nullptr) return WrongKind(PathOf(name));
    disk_->SetEntry(directory_, std::string(name), {});
    return absl::OkStatus();
  }

  absl::Status RemoveDirectory(std::string_view name) override {
    if (const auto status = Check(Operation::kRemove, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    const auto found = directory_->live.find(name);
    if (found == directory_->live.end()) return NotThere(PathOf(name));
    if (found->second.directory == nullptr) return WrongKind(PathOf(name));
    if (!found->second.directory->live.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(PathOf(name), " is not empty"));
    }
    disk_->SetEntry(directory_, std::string(name), {});
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (const auto status = disk_->Before(Operation::kSyncDirectory, path_); !status.ok()) {
      return status;
    }
    MutexLock lock(disk_->mutex);
    disk_->SyncDirectory(*directory_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view name) override {
    if (const auto status = Check(Operation::kLock, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    const auto found = directory_->live.find(name);
    std::shared_ptr<SimulatedFile> file;
    if (found == directory_->live.end()) {
      file = disk_->MakeFile();
      disk_->SetEntry(directory_, std::string(name), {.file = file, .directory = nullptr});
    } else {
      file = found->second.file;
    }
    if (file == nullptr) return WrongKind(PathOf(name));
    if (directory_->is_locked) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " is open for writing already; close it there"));
    }
    directory_->is_locked = true;
    return std::make_unique<HeldLock>(disk_, directory_);
  }

  absl::StatusOr<bool> IsLocked(std::string_view name) override {
    if (const auto status = Check(Operation::kLock, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    return directory_->is_locked;
  }

  absl::StatusOr<bool> IsInUse(std::string_view name, std::uint64_t part) override {
    if (const auto status = Check(Operation::kLock, name); !status.ok()) return status;
    MutexLock lock(disk_->mutex);
    return directory_->in_use.contains(part);
  }

  SimulatedDirectory& simulated() { return *directory_; }

 private:
  std::string PathOf(std::string_view name) const {
    return absl::StrCat(path_ == "/" ? "" : path_, "/", std::string(name));
  }
  absl::Status Check(Operation operation, std::string_view name) {
    if (const auto status = CheckComponent(name); !status.ok()) return status;
    return disk_->Before(operation, PathOf(name));
  }
  absl::StatusOr<std::unique_ptr<Directory>> OpenLocked(std::string_view name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mutex) {
    const auto found = directory_->live.find(name);
    if (found == directory_->live.end()) return NotThere(PathOf(name));
    if (found->second.directory == nullptr) return WrongKind(PathOf(name));
    return std::make_unique<OpenedDirectory>(disk_, found->second.directory, PathOf(name));
  }

  const std::shared_ptr<SimulatedDisk> disk_;
  const std::shared_ptr<SimulatedDirectory> directory_;
  const std::string path_;
  const OpenHandle handle_{disk_};
};

class SimulatedWatch final : public DirectoryWatch {
 public:
  explicit SimulatedWatch(std::shared_ptr<SimulatedDisk> disk) : disk_(std::move(disk)) {}

  absl::Status Add(Directory& directory, std::uint64_t id) override {
    auto* const opened = dynamic_cast<OpenedDirectory*>(&directory);
    if (opened == nullptr) {
      return absl::UnimplementedError(directory.path() + " is not on this simulated disk");
    }
    MutexLock lock(disk_->mutex);
    opened->simulated().watches.emplace_back(changes_, id);
    return absl::OkStatus();
  }

  std::vector<Change> Take() override {
    MutexLock lock(disk_->mutex);
    return std::exchange(changes_->untaken, {});
  }

 private:
  const std::shared_ptr<SimulatedDisk> disk_;
  const std::shared_ptr<SimulatedChanges> changes_ = std::make_shared<SimulatedChanges>();
};

void ReleaseAll(SimulatedDirectory& directory) {
  directory.is_locked = false;
  directory.in_use.clear();
  for (const auto& [name, entry] : directory.live) {
    if (entry.directory != nullptr) ReleaseAll(*entry.directory);
  }
}

// Calls `visit` for every file below `directory`.
void VisitFiles(const SimulatedDirectory& directory, const std::string& path,
                const std::function<void(const std::string&, SimulatedFile&)>& visit) {
  for (const auto& [name, entry] : directory.live) {
    const std::string below = absl::StrCat(path, "/", name);
    if (entry.file != nullptr) visit(below, *entry.file);
    if (entry.directory != nullptr) VisitFiles(*entry.directory, below, visit);
  }
}

}  // namespace

SimulatedFileSystem::SimulatedFileSystem() : disk_(std::make_shared<SimulatedDisk>()) {}
SimulatedFileSystem::SimulatedFileSystem(std::shared_ptr<SimulatedDisk> disk)
    : disk_(std::move(disk)) {}
SimulatedFileSystem::~SimulatedFileSystem() = default;

absl::StatusOr<std::unique_ptr<Directory>> SimulatedFileSystem::OpenDirectory(std::string_view path,
                                                                              DirectoryMode mode) {
  if (path.empty() || path[0] != '/') {
    return absl::InvalidArgumentError("paths on the simulated disk begin with /");
  }
  std::unique_ptr<Directory> directory;
  {
    MutexLock lock(disk_->mutex);
    directory = std::make_unique<OpenedDirectory>(disk_, disk_->root, "/");
  }
  path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    const bool is_last = slash == std::string_view::npos;
    path = is_last ? std::string_view() : path.substr(slash + 1);
    const bool is_made = is_last && mode == DirectoryMode::kCreateIfMissing;
    auto next = is_made ? directory->CreateDirectory(name) : directory->OpenDirectory(name);
    if (!next.ok()) return next.status();
    if (is_made) {
      if (const auto status = directory->Sync(); !status.ok()) return status;
    }
    directory = *std::move(next);
  }
  return directory;
}

std::array<std::byte, 16> SimulatedFileSystem::BootId() {
  MutexLock lock(disk_->mutex);
  std::array<std::byte, 16> id{};
  std::memcpy(id.data(), &disk_->boot, sizeof disk_->boot);
  return id;
}

std::unique_ptr<DirectoryWatch> SimulatedFileSystem::Watch() {
  MutexLock lock(disk_->mutex);
  if (!disk_->tells_changes) return nullptr;
  return std::make_unique<SimulatedWatch>(disk_);
}

void SimulatedFileSystem::TellNoChanges() {
  MutexLock lock(disk_->mutex);
  disk_->tells_changes = false;
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::CutPower(std::uint64_t seed) const {
  return std::unique_ptr<SimulatedFileSystem>(new SimulatedFileSystem(disk_->AfterPowerCut(seed)));
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::Kill() const {
  return std::unique_ptr<SimulatedFileSystem>(new SimulatedFileSystem(disk_->Clone()));
}

void SimulatedFileSystem::ReleaseLocks() {
  MutexLock lock(disk_->mutex);
  ReleaseAll(*disk_->root);
}

void SimulatedFileSystem::SetHook(Hook hook) {
  MutexLock lock(disk_->mutex);
  disk_->hook = std::move(hook);
}

void SimulatedFileSystem::SetCapacity(std::uint64_t bytes) {
  MutexLock lock(disk_->mutex);
  disk_->capacity = bytes;
}

absl::Status SimulatedFileSystem::Corrupt(const std::string& path, std::uint64_t position,
                                          std::byte mask) {
  MutexLock lock(disk_->mutex);
  absl::Status status = NotThere(path);
  VisitFiles(*disk_->root, "", [&](const std::string& other, SimulatedFile& file) {
    if (other != path) return;
    if (position >= file.size()) {
      status = absl::OutOfRangeError(absl::StrCat(path, " has ", file.size(), " bytes"));
      return;
    }
    file.data()[position] ^= mask;
    file.Corrupt(position, mask);
    status = absl::OkStatus();
  });
  return status;
}

std::int64_t SimulatedFileSystem::OpenHandles() const { return disk_->handles; }

std::vector<std::string> SimulatedFileSystem::Files() const {
  MutexLock lock(disk_->mutex);
  std::vector<std::string> files;
  VisitFiles(*disk_->root, "",
             [&](const std::string& path, SimulatedFile&) { files.push_back(path); });
  return files;
}

}  // namespace daybook::inline v1
