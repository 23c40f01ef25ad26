#include "base/split_mix.h"

#include <bit>
#include <cstdint>

#include "catch.h"

namespace daybook {

TEST_CASE("A sequence is SplitMix64's") {
  // As published with the algorithm: the first words from the seed 1234567.
  std::uint64_t state = 1234567;
  for (const std::uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL}) {
    CHECK(SplitMix(state += kSplitMixStep) == expected);
  }
}

TEST_CASE("Neighbouring states give words that differ in about half of their bits") {
  int differing = 0;
  for (std::uint64_t state = 0; state < 1000; ++state) {
    differing += std::popcount(SplitMix(state) ^ SplitMix(state + 1));
  }
  CHECK(differing > 31'000);
  CHECK(differing < 33'000);
}

}  // namespace daybook
