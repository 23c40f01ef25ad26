#ifndef DAYBOOK_BASE_PAGE_H_
#define DAYBOOK_BASE_PAGE_H_

#include <cstdint>

namespace daybook::inline v1 {

// The unit in which file systems give blocks and the kernel maps them, in bytes.
inline constexpr std::uint64_t kPageBytes = 4096;

constexpr std::uint64_t RoundUpToPage(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_PAGE_H_
