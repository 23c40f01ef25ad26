#include "io/simulated_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace daybook::inline v1 {
namespace {

// Units in which a power cut takes or leaves bytes: a sector, a page, a folio.
constexpr std::uint64_t kUnits[] = {512, 4096, 64 << 10, 256 << 10};

// Files from this size on are in large pages.
constexpr std::uint64_t kOfLargePages = std::uint64_t{4} << 20;

// How many pages the kernel looks at for one that it may write back.
constexpr std::uint64_t kLookedAt = 64;

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
      std::memset(data, 0, std::max(SimulatedFile::RoundUp(size), SimulatedFile::kPage));
      const bool is_closed =
          size <= SimulatedFile::kPage ||
          mprotect(data + SimulatedFile::kPage, SimulatedFile::RoundUp(size) - SimulatedFile::kPage,
                   PROT_NONE) == 0;
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

}  // namespace daybook::inline v1
