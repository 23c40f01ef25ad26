#ifndef DAYBOOK_BASE_RANDOM_ID_H_
#define DAYBOOK_BASE_RANDOM_ID_H_

#include <cstdint>
#include <random>

namespace daybook::inline v1 {

// 64 bits of the system's randomness: the id of a directory, or of a segment.
inline std::uint64_t RandomId() {
  // Making one can take microseconds, many more than drawing from it.
  thread_local std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_RANDOM_ID_H_
