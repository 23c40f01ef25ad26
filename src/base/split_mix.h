#ifndef DAYBOOK_BASE_SPLIT_MIX_H_
#define DAYBOOK_BASE_SPLIT_MIX_H_

#include <cstdint>

namespace daybook::inline v1 {

// SplitMix64: neighbouring states give unrelated bits. States that are kSplitMixStep apart are one
// of its sequences, which any number of threads can share by adding to one atomic word.
inline constexpr std::uint64_t kSplitMixStep = 0x9e3779b97f4a7c15ULL;

constexpr std::uint64_t SplitMix(std::uint64_t state) {
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ULL;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebULL;
  return state ^ (state >> 31);
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_SPLIT_MIX_H_
