#include "io/simulated_disk.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/another_process.h"

namespace daybook::inline v1 {
namespace {

// Units in which a power cut takes or leaves bytes: a sector, a page, a folio.
constexpr std::uint64_t kUnits[] = {512, 4096, 64 << 10, 256 << 10};

// Files from this size on are in large pages.
constexpr std::uint64_t kOfLargePages = std::uint64_t{4} << 20;

// How many pages the kernel looks at for one that it may write back.
constexpr std::uint64_t kLookedAt = 64;

std::uint64_t RoundUp(std::uint64_t bytes) {
  return (bytes + SimulatedFile::kPage - 1) / SimulatedFile::kPage * SimulatedFile::kPage;
}

// Copies bytes that others may be writing, as the kernel does when it writes a page back: torn
// content is what a power cut is about. Volatile and unseen by ThreadSanitizer, since this one race
// is meant. By words, as far as it goes: `from` is aligned, since it is a page or a whole file.
__attribute__((no_sanitize("thread"))) void CopyWhileWritten(std::byte* to, const std::byte* from,
                                                             std::uint64_t bytes) {
  using Word = std::uint64_t __attribute__((vector_size(16)));
  std::uint64_t at = 0;
  for (; at + sizeof(Word) <= bytes; at += sizeof(Word)) {
    const Word word = *reinterpret_cast<const volatile Word*>(from + at);
    std::memcpy(to + at, &word, sizeof word);
  }
  const volatile std::byte* source = from;
  for (; at < bytes; ++at) to[at] = source[at];
}

// Address space for files, of which the first page is accessible, and is zero, as all is that
// becomes so. Some of what is given back is kept: to map and unmap it, and the faults for its
// pages, would be half of what a test of a thousand small disks costs.
class AddressSpaces {
 public:
  std::byte* Take() {
    {
      MutexLock lock(mutex_);
      if (!kept_.empty()) {
        std::byte* const data = kept_.back();
        kept_.pop_back();
        return data;
      }
    }
    void* data = mmap(nullptr, SimulatedFile::kLargest, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) throw std::bad_alloc();
    if (mprotect(data, SimulatedFile::kPage, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    return static_cast<std::byte*>(data);
  }

  // Of which the first `size` bytes are accessible.
  void GiveBack(std::byte* data, std::uint64_t size) {
    if (size <= kMostKeptBytes) {
      std::memset(data, 0, std::max(RoundUp(size), SimulatedFile::kPage));
      const bool is_closed = size <= SimulatedFile::kPage ||
                             mprotect(data + SimulatedFile::kPage,
                                      RoundUp(size) - SimulatedFile::kPage, PROT_NONE) == 0;
      MutexLock lock(mutex_);
      if (is_closed && kept_.size() < kMostKept) {
        kept_.push_back(data);
        return;
      }
    }
    munmap(data, SimulatedFile::kLargest);
  }

 private:
  static constexpr std::size_t kMostKept = 64;
  static constexpr std::uint64_t kMostKeptBytes = std::uint64_t{512} << 10;

  Mutex mutex_;
  std::vector<std::byte*> kept_ ABSL_GUARDED_BY(mutex_);
};

AddressSpaces& Spaces() {
  static AddressSpaces& spaces = *new AddressSpaces();  // files may outlive all that is static
  return spaces;
}

}  // namespace

SimulatedFile::SimulatedFile() : data_(Spaces().Take()) {}

SimulatedFile::~SimulatedFile() { Spaces().GiveBack(data_, size_); }

void SimulatedFile::Resize(std::uint64_t size) {
  if (size <= size_) return;
  if (RoundUp(size) > std::max(RoundUp(size_), kPage) &&
      mprotect(data_, RoundUp(size), PROT_READ | PROT_WRITE) != 0) {
    throw std::bad_alloc();
  }
  size_ = size;
  // Large pages, where the kernel has some: a copy of a large file is otherwise mostly page faults.
  if (size_ >= kOfLargePages) madvise(data_, size_, MADV_HUGEPAGE);
}

bool SimulatedFile::ReadPage(std::uint64_t page, Page* content) const {
  CopyWhileWritten(content->data(), data_ + page * kPage, kPage);
  return !durable_.Equals(page, *content);
}

void SimulatedFile::Sync() {
  durable_.Resize(size_);
  Page content;
  for (std::uint64_t page = 0; page < pages(); ++page) {
    const bool is_dirty = ReadPage(page, &content);
    if (const auto dropped = dropped_.find(page); dropped != dropped_.end()) {
      // Not dirty since its sync failed, so not written: what the medium has stays.
      if (*dropped->second == content) continue;
      dropped_.erase(dropped);
    }
    if (!is_dirty) continue;
    durable_.Set(page, content);
    last_dirty_ = page;
  }
  early_.clear();
}

void SimulatedFile::ForgetDirty() {
  Page content;
  for (std::uint64_t page = 0; page < pages(); ++page) {
    if (ReadPage(page, &content)) dropped_[page] = std::make_shared<const Page>(content);
  }
}

void SimulatedFile::MarkDirty(std::uint64_t begin, std::uint64_t end) {
  dropped_.erase(dropped_.lower_bound(begin / kPage), dropped_.lower_bound(RoundUp(end) / kPage));
}

void SimulatedFile::Corrupt(std::uint64_t position, std::byte mask) {
  if (position >= durable_.size()) return;
  Page content{};
  const PageImage::SharedPage& there = durable_.At(position / kPage);
  if (there != nullptr) content = *there;
  content[position % kPage] ^= mask;
  durable_.Set(position / kPage, content);
}

void SimulatedFile::WriteBackSomePage(std::mt19937_64& random) {
  if (size_ == 0) return;
  // Of a large file hardly any page is dirty, and those are where the last ones were.
  const bool is_near = pages() > kLookedAt && random() % 2 == 0;
  std::uint64_t page = (is_near ? last_dirty_ + random() % kLookedAt : random()) % pages();
  Page content;
  bool is_dirty = ReadPage(page, &content);
  for (std::uint64_t i = 0; pages() > kLookedAt && !is_dirty && i < kLookedAt; ++i) {
    page = (page + 1) % pages();
    is_dirty = ReadPage(page, &content);
  }
  if (is_dirty) last_dirty_ = page;
  early_[page] = PageImage::Share(content);
}

std::shared_ptr<SimulatedFile> SimulatedFile::Clone() const {
  auto copy = std::make_shared<SimulatedFile>();
  copy->Resize(size_);
  Page content;
  for (std::uint64_t page = 0; page < pages(); ++page) {
    ReadPage(page, &content);
    if (!PageImage::IsZeros(content))
      std::memcpy(copy->data_ + page * kPage, content.data(), kPage);
  }
  copy->durable_ = durable_;
  copy->early_ = early_;
  copy->dropped_ = dropped_;
  copy->last_dirty_ = last_dirty_;
  copy->deallocated = deallocated;
  return copy;
}

std::shared_ptr<SimulatedFile> SimulatedFile::AfterPowerCut(std::mt19937_64& random) const {
  auto left = std::make_shared<SimulatedFile>();
  // The new size may have reached the medium without the bytes, and bytes not without the size.
  const std::uint64_t grown = random() % (size_ - durable_.size() + 1) / kPage * kPage;
  const std::uint64_t sizes[] = {size_, durable_.size(), durable_.size() + grown};
  const std::uint64_t size = sizes[random() % std::size(sizes)];
  left->Resize(size);
  left->durable_.Resize(size);
  left->last_dirty_ = last_dirty_;
  const std::uint64_t unit = kUnits[random() % std::size(kUnits)];
  std::uint64_t choice = 0;
  Page live;
  for (std::uint64_t page = 0; page < left->pages(); ++page) {
    const std::uint64_t end = std::min(size, (page + 1) * kPage);
    const bool is_dirty = ReadPage(page, &live);
    const auto early = early_.find(page);
    const bool is_whole = end == (page + 1) * kPage;
    const PageImage::SharedPage& old = durable_.At(page);
    Page content{};
    bool is_old = is_whole;
    for (std::uint64_t at = page * kPage; at < end; at += std::min(unit, kPage)) {
      if (at % unit == 0) choice = random() % 3;
      const std::byte* source = old != nullptr ? old->data() : nullptr;
      if (choice == 0 && is_dirty && !dropped_.contains(page)) {
        source = live.data();
        is_old = false;
      } else if (choice == 1 && early != early_.end()) {
        source = early->second != nullptr ? early->second->data() : nullptr;
        is_old = false;
      }
      const std::uint64_t length = std::min({unit, kPage, end - at});
      if (source != nullptr) std::memcpy(&content[at % kPage], source + at % kPage, length);
    }
    if (is_old) {
      left->durable_.Set(page, old);
    } else {
      left->durable_.Set(page, content);
    }
    if (const auto& kept = left->durable_.At(page); kept != nullptr) {
      std::memcpy(left->data_ + page * kPage, kept->data(), kPage);
    }
  }
  return left;
}

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
  begin = RoundUp(begin);
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
  const std::uint64_t more = RoundUp(size) - RoundUp(file.size());
  if (more > capacity || allocated > capacity - more) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", path, ": no space left on the simulated disk"));
  }
  allocated += more;
  file.Resize(size);
  return absl::OkStatus();
}

void SimulatedDisk::Free(const SimulatedFile& file) {
  allocated -= RoundUp(file.size()) - file.deallocated;
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
          allocated_left += RoundUp(file->size());
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
