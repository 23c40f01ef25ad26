#ifndef DAYBOOK_BASE_IS_ZERO_H_
#define DAYBOOK_BASE_IS_ZERO_H_

#include <cstddef>
#include <span>

namespace daybook::inline v1 {

// Without a branch for each byte, so that the compiler takes many at once.
inline bool IsZero(std::span<const std::byte> bytes) {
  std::byte any{0};
  for (const std::byte byte : bytes) any |= byte;
  return any == std::byte{0};
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_IS_ZERO_H_
