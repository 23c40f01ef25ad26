#include "io/simulated_disk.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

// Address space for one file; memory is used only as far as it is long.
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 30;
// Units in which a power cut takes or leaves bytes: a sector, a page, a folio.
constexpr std::uint64_t kUnits[] = {512, 4096, 64 << 10};

std::uint64_t RoundUp(std::uint64_t bytes) {
  return (bytes + SimulatedFile::kPage - 1) / SimulatedFile::kPage * SimulatedFile::kPage;
}

}  // namespace

SimulatedFile::SimulatedFile() {
  void* data =
      mmap(nullptr, kLargestFile, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(data);
}

SimulatedFile::~SimulatedFile() { munmap(data_, kLargestFile); }

void SimulatedFile::Resize(std::uint64_t size) {
  if (size <= size_) return;
  if (mprotect(data_, RoundUp(size), PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  size_ = size;
}

SimulatedFile::Bytes SimulatedFile::PageOf(const Bytes& bytes, std::uint64_t page) const {
  Bytes copy(kPage);
  if (page * kPage < bytes.size()) {
    std::memcpy(copy.data(), bytes.data() + page * kPage,
                std::min(kPage, bytes.size() - page * kPage));
  }
  return copy;
}

SimulatedFile::Bytes SimulatedFile::LivePage(std::uint64_t page) const {
  return Bytes(data_ + page * kPage, data_ + (page + 1) * kPage);
}

void SimulatedFile::Sync() {
  Bytes synced(data_, data_ + size_);
  for (const auto& [page, content] : dropped_) {
    // Not dirty since its sync failed, so not written: what the medium has stays.
    if (LivePage(page) != content) continue;
    const Bytes old = PageOf(durable_, page);
    std::memcpy(synced.data() + page * kPage, old.data(),
                std::min(kPage, synced.size() - page * kPage));
  }
  std::erase_if(dropped_, [this](const auto& page) { return LivePage(page.first) != page.second; });
  durable_ = std::move(synced);
  early_.clear();
}

void SimulatedFile::ForgetDirty() {
  for (std::uint64_t page = 0; page * kPage < size_; ++page) {
    Bytes live = LivePage(page);
    if (live != PageOf(durable_, page)) dropped_[page] = std::move(live);
  }
}

void SimulatedFile::WriteBackSomePage(std::mt19937_64& random) {
  if (size_ == 0) return;
  const std::uint64_t page = random() % (RoundUp(size_) / kPage);
  early_[page] = LivePage(page);
}

std::shared_ptr<SimulatedFile> SimulatedFile::Clone() const {
  auto copy = std::make_shared<SimulatedFile>();
  copy->Resize(size_);
  if (size_ != 0) std::memcpy(copy->data_, data_, size_);
  copy->durable_ = durable_;
  copy->early_ = early_;
  copy->dropped_ = dropped_;
  return copy;
}

std::shared_ptr<SimulatedFile> SimulatedFile::AfterPowerCut(std::mt19937_64& random) const {
  auto left = std::make_shared<SimulatedFile>();
  // The new size may have reached the medium without the bytes, and bytes not without the size.
  const std::uint64_t size = random() % 2 == 0 ? size_ : durable_.size();
  left->Resize(size);
  const std::uint64_t unit = kUnits[random() % std::size(kUnits)];
  for (std::uint64_t at = 0; at < size; at += unit) {
    const std::uint64_t end = std::min(at + unit, size);
    const std::uint64_t choice = random() % 3;
    for (std::uint64_t page = at / kPage; page * kPage < end; ++page) {
      const std::uint64_t from = std::max(at, page * kPage);
      const std::uint64_t to = std::min(end, (page + 1) * kPage);
      const auto early = early_.find(page);
      const auto dropped = dropped_.find(page);
      const bool is_written = choice == 0 && dropped == dropped_.end();
      Bytes content;
      if (is_written) {
        content = LivePage(page);
      } else if (choice == 1 && early != early_.end()) {
        content = early->second;
      } else {
        content = PageOf(durable_, page);
      }
      std::memcpy(left->data_ + from, content.data() + (from - page * kPage), to - from);
    }
  }
  left->durable_.assign(left->data_, left->data_ + size);
  return left;
}

SimulatedDisk::SimulatedDisk() : root(std::make_shared<SimulatedDirectory>()) {}

absl::Status SimulatedDisk::Before(Operation operation, const std::string& path) {
  SimulatedFileSystem::Hook asked;
  {
    MutexLock lock(mutex);
    asked = hook;
  }
  return asked ? asked(operation, path) : absl::OkStatus();
}

void SimulatedDisk::SetEntry(const std::shared_ptr<SimulatedDirectory>& directory,
                             const std::string& name, Entry entry) {
  if (entry.file == nullptr && entry.directory == nullptr) {
    directory->live.erase(name);
  } else {
    directory->live[name] = entry;
  }
  changes_.push_back({directory, name, std::move(entry)});
  // As good a moment as any for the kernel to write something back.
  for (auto& [file_name, other] : directory->live) {
    if (other.file != nullptr && random_() % 4 == 0) other.file->WriteBackSomePage(random_);
  }
}

namespace {

void Apply(SimulatedDirectory::Entries& entries, const std::string& name,
           const SimulatedDirectory::Entry& entry) {
  if (entry.file == nullptr && entry.directory == nullptr) {
    entries.erase(name);
  } else {
    entries[name] = entry;
  }
}

}  // namespace

void SimulatedDisk::SyncDirectory(SimulatedDirectory& directory) {
  std::erase_if(changes_, [&](const Change& change) {
    if (change.directory.get() != &directory) return false;
    Apply(directory.durable, change.name, change.entry);
    return true;
  });
}

absl::Status SimulatedDisk::Grow(SimulatedFile& file, std::uint64_t size, const std::string& path) {
  if (size <= file.size()) return absl::OkStatus();
  const std::uint64_t more = RoundUp(size) - RoundUp(file.size());
  if (size > kLargestFile || more > capacity || allocated > capacity - more) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", path, ": no space left on the simulated disk"));
  }
  allocated += more;
  file.Resize(size);
  return absl::OkStatus();
}

void SimulatedDisk::Free(const SimulatedFile& file) { allocated -= RoundUp(file.size()); }

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
    copy->changes_.push_back(
        {clone_directory(change.directory.get()), change.name, clone_entry(change.entry)});
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
  const std::uint64_t applied = random() % (changes_.size() + 1);
  std::map<SimulatedFile*, std::shared_ptr<SimulatedFile>> files;
  std::function<std::shared_ptr<SimulatedDirectory>(SimulatedDirectory*)> cut_directory;
  cut_directory = [&](SimulatedDirectory* directory) {
    SimulatedDirectory::Entries entries = directory->durable;
    for (std::uint64_t i = 0; i < applied; ++i) {
      if (changes_[i].directory.get() == directory) {
        Apply(entries, changes_[i].name, changes_[i].entry);
      }
    }
    auto cut = std::make_shared<SimulatedDirectory>();
    for (const auto& [name, entry] : entries) {
      Entry& kept = cut->live[name];
      if (entry.directory != nullptr) kept.directory = cut_directory(entry.directory.get());
      if (entry.file != nullptr) {
        auto& file = files[entry.file.get()];
        if (file == nullptr) {
          file = entry.file->AfterPowerCut(random);
          left->allocated += RoundUp(file->size());
        }
        kept.file = file;
      }
    }
    cut->durable = cut->live;
    return cut;
  };
  left->root = cut_directory(root.get());
  left->capacity = capacity;
  left->boot = boot + 1;
  left->random_.seed(seed);
  return left;
}

}  // namespace daybook::inline v1
