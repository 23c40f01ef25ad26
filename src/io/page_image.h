#ifndef DAYBOOK_IO_PAGE_IMAGE_H_
#define DAYBOOK_IO_PAGE_IMAGE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/page.h"

namespace daybook::inline v1 {

// The bytes of a file at some moment, by page. Pages of zeros take nothing, and copies share all
// others until one of them is set: so a copy of a large file costs as much as its table of pages.
// Not thread-safe, but copies are independent of each other.
class PageImage {
 public:
  static constexpr std::uint64_t kPage = kPageBytes;
  using Page = std::array<std::byte, kPage>;
  using SharedPage = std::shared_ptr<const Page>;  // null: zeros

  std::uint64_t size() const { return size_; }
  void Resize(std::uint64_t size) {
    size_ = size;
    pages_.resize((size + kPage - 1) / kPage);
  }

  // Zeros beyond the end.
  const SharedPage& At(std::uint64_t page) const {
    return page < pages_.size() ? pages_[page] : zeros_;
  }
  bool Equals(std::uint64_t page, const Page& content) const {
    const SharedPage& there = At(page);
    return std::memcmp(there == nullptr ? &kZeros : there.get(), &content, kPage) == 0;
  }
  // `page` is before the end.
  void Set(std::uint64_t page, const Page& content) { pages_[page] = Share(content); }
  void Set(std::uint64_t page, SharedPage content) { pages_[page] = std::move(content); }

  static SharedPage Share(const Page& content) {
    return IsZeros(content) ? nullptr : std::make_shared<const Page>(content);
  }
  static bool IsZeros(const Page& content) { return std::memcmp(&content, &kZeros, kPage) == 0; }

 private:
  static constexpr Page kZeros{};

  std::uint64_t size_ = 0;
  std::vector<SharedPage> pages_;
  SharedPage zeros_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_PAGE_IMAGE_H_
