#include "io/simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/another_process.h"

namespace daybook::inline v1 {

OpenHandle::OpenHandle(std::shared_ptr<SimulatedDisk> disk) : disk_(std::move(disk)) {
  disk_->handles.fetch_add(1, std::memory_order_relaxed);
}
OpenHandle::~OpenHandle() { disk_->handles.fetch_sub(1, std::memory_order_relaxed); }

SimulatedDisk::SimulatedDisk() : root(std::make_shared<SimulatedDirectory>()) {}

absl::Status SimulatedDisk::Before(Operation operation, const std::string& path) {
  SimulatedFileSystem::Hook asked;
  {
    MutexLock lock(mutex);
    asked = hook;
    // As good a moment as any for the kernel to write something back.
    for (const auto& file : files_) {
      if (const auto live = file.lock(); live != nullptr && random_() % 8 == 0) {
        live->WriteBackSomePage(random_);
      }
    }
  }
  if (!asked) return absl::OkStatus();
  const AnotherProcess other;
  return asked(operation, path);
}

std::shared_ptr<SimulatedFile> SimulatedDisk::MakeFile() {
  auto file = std::make_shared<SimulatedFile>();
  std::erase_if(files_, [](const auto& old) { return old.expired(); });
  files_.push_back(file);
  return file;
}

void SimulatedDisk::Apply(const Change& change, SimulatedDirectory::Entries& entries) {
  if (change.entry.file == nullptr && change.entry.directory == nullptr) {
    entries.erase(change.name);
  } else {
    entries[change.name] = change.entry;
  }
  if (!change.old_name.empty()) entries.erase(change.old_name);
}

void SimulatedDisk::Make(Change change) {
  SimulatedDirectory::Entries& live = change.directory->live;
  if (const auto replaced = live.find(change.name);
      replaced != live.end() && replaced->second.file != nullptr) {
    Free(*replaced->second.file);
  }
  Apply(change, live);
  for (const auto& [watch, id] : change.directory->watches) {
    const auto changes = watch.lock();
    if (changes == nullptr) continue;
    changes->untaken.push_back({id, change.name});
    if (!change.old_name.empty()) changes->untaken.push_back({id, change.old_name});
  }
  changes_.push_back(std::move(change));
}

void SimulatedDisk::SetEntry(const std::shared_ptr<SimulatedDirectory>& directory,
                             const std::string& name, Entry entry) {
  Make({directory, name, std::move(entry), ""});
}

void SimulatedDisk::Rename(const std::shared_ptr<SimulatedDirectory>& directory,
                           const std::string& from, const std::string& to) {
  if (from != to) Make({directory, to, directory->live[from], from});
}

void SimulatedDisk::SyncDirectory(SimulatedDirectory& directory) {
  std::erase_if(changes_, [&](const Change& change) {
    if (change.directory.get() != &directory) return false;
    Apply(change, directory.durable);
    return true;
  });
}

void SimulatedDisk::Deallocate(SimulatedFile& file, std::uint64_t begin, std::uint64_t end) {
  begin = SimulatedFile::RoundUp(begin);
  end = std::min(end, file.size()) / SimulatedFile::kPage * SimulatedFile::kPage;
  if (begin >= end) return;
  std::memset(file.data() + begin, 0, end - begin);
  file.deallocated += end - begin;
  allocated -= end - begin;
}

absl::Status SimulatedDisk::Grow(SimulatedFile& file, std::uint64_t size, const std::string& path) {
  if (size <= file.size()) return absl::OkStatus();
  if (size > SimulatedFile::kLargest) {
    return absl::ResourceExhaustedError(absl::StrCat(
        path, ": files of the simulated disk have at most ", SimulatedFile::kLargest, " bytes"));
  }
  const std::uint64_t more = SimulatedFile::RoundUp(size) - SimulatedFile::RoundUp(file.size());
  if (more > capacity || allocated > capacity - more) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", path, ": no space left on the simulated disk"));
  }
  allocated += more;
  file.Resize(size);
  return absl::OkStatus();
}

void SimulatedDisk::Free(const SimulatedFile& file) {
  allocated -= SimulatedFile::RoundUp(file.size()) - file.deallocated;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::Clone() const {
  auto copy = std::make_shared<SimulatedDisk>();
  MutexLock lock(mutex);
  MutexLock copy_lock(copy->mutex);
  std::map<SimulatedFile*, std::shared_ptr<SimulatedFile>> files;
  std::map<SimulatedDirectory*, std::shared_ptr<SimulatedDirectory>> directories;
  std::function<std::shared_ptr<SimulatedDirectory>(SimulatedDirectory*)> clone_directory;
  const auto clone_entry = [&](const Entry& entry) {
    Entry cloned;
    if (entry.directory != nullptr) cloned.directory = clone_directory(entry.directory.get());
    if (entry.file != nullptr) {
      auto& file = files[entry.file.get()];
      if (file == nullptr) file = entry.file->Clone();
      cloned.file = file;
    }
    return cloned;
  };
  clone_directory = [&](SimulatedDirectory* directory) {
    auto& cloned = directories[directory];
    if (cloned != nullptr) return cloned;
    cloned = std::make_shared<SimulatedDirectory>();
    const std::shared_ptr<SimulatedDirectory> result = cloned;
    for (const auto& [name, entry] : directory->live) result->live[name] = clone_entry(entry);
    for (const auto& [name, entry] : directory->durable) {
      result->durable[name] = clone_entry(entry);
    }
    return result;
  };
  copy->root = clone_directory(root.get());
  for (const Change& change : changes_) {
    copy->changes_.push_back({clone_directory(change.directory.get()), change.name,
                              clone_entry(change.entry), change.old_name});
  }
  copy->capacity = capacity;
  copy->allocated = allocated;
  copy->boot = boot;
  copy->random_ = random_;
  return copy;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::AfterPowerCut(std::uint64_t seed) const {
  std::mt19937_64 random(seed);
  auto left = std::make_shared<SimulatedDisk>();
  MutexLock lock(mutex);
  MutexLock left_lock(left->mutex);
  const std::span<const Change> applied(changes_.data(), random() % (changes_.size() + 1));
  std::uint64_t allocated_left = 0;
  std::map<SimulatedFile*, std::shared_ptr<SimulatedFile>> files;
  std::function<std::shared_ptr<SimulatedDirectory>(SimulatedDirectory*)> cut_directory;
  cut_directory = [&](SimulatedDirectory* directory) {
    SimulatedDirectory::Entries entries = directory->durable;
    for (const Change& change : applied) {
      if (change.directory.get() == directory) Apply(change, entries);
    }
    auto cut = std::make_shared<SimulatedDirectory>();
    for (const auto& [name, entry] : entries) {
      Entry& kept = cut->live[name];
      if (entry.directory != nullptr) kept.directory = cut_directory(entry.directory.get());
      if (entry.file != nullptr) {
        auto& file = files[entry.file.get()];
        if (file == nullptr) {
          file = entry.file->AfterPowerCut(random);
          allocated_left += SimulatedFile::RoundUp(file->size());
        }
        kept.file = file;
      }
    }
    cut->durable = cut->live;
    return cut;
  };
  left->root = cut_directory(root.get());
  left->allocated = allocated_left;
  left->capacity = capacity;
  left->boot = boot + 1;
  left->random_.seed(seed);
  return left;
}

}  // namespace daybook::inline v1
