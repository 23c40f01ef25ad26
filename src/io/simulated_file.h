#ifndef DAYBOOK_IO_SIMULATED_FILE_H_
#define DAYBOOK_IO_SIMULATED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>

#include "io/page_image.h"

namespace daybook::inline v1 {

// A file of the simulated disk: the bytes of now, which all mappings share, and what is known of
// the medium. Guarded by the disk's mutex, but for the bytes themselves.
class SimulatedFile {
 public:
  static constexpr std::uint64_t kPage = PageImage::kPage;
  // Address space for one file; memory is used only as far as it is long.
  static constexpr std::uint64_t kLargest = std::uint64_t{1} << 30;

  // To whole pages.
  static std::uint64_t RoundUp(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

  SimulatedFile();
  ~SimulatedFile();
  SimulatedFile(const SimulatedFile&) = delete;
  SimulatedFile& operator=(const SimulatedFile&) = delete;

  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }
  // Only ever grows; new bytes are zero.
  void Resize(std::uint64_t size);

  void Sync();
  // A sync that failed: what was dirty counts as clean from now on.
  void ForgetDirty();
  // The pages of [begin, end) are written by the next sync, whatever came before.
  void MarkDirty(std::uint64_t begin, std::uint64_t end);
  // The kernel writes one page back on its own, a dirty one if it comes across any.
  void WriteBackSomePage(std::mt19937_64& random);

  // Flips bits of what the medium has.
  void Corrupt(std::uint64_t position, std::byte mask);

  // A copy in all respects, and one of what a power cut could leave. They share the pages of the
  // medium, so that what they cost is what the file holds, however long it is.
  std::shared_ptr<SimulatedFile> Clone() const;
  std::shared_ptr<SimulatedFile> AfterPowerCut(std::mt19937_64& random) const;

  // Bytes that were given back.
  std::uint64_t deallocated = 0;

 private:
  using Page = PageImage::Page;

  // The page as it is now. True: it is not what the medium has.
  bool ReadPage(std::uint64_t page, Page* content) const;
  std::uint64_t pages() const { return (size_ + kPage - 1) / kPage; }

  std::byte* data_;  // address space for the largest file; accessible up to the page of its end
  std::uint64_t size_ = 0;
  PageImage durable_;                                       // as of the last sync
  std::map<std::uint64_t, PageImage::SharedPage> early_;    // pages written back since then
  std::map<std::uint64_t, PageImage::SharedPage> dropped_;  // as they were when their sync failed
  std::uint64_t last_dirty_ = 0;  // a page that was; those behind it are likely to be next
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_SIMULATED_FILE_H_
