#include <cstdlib>

#include "fuzz/fuzz_target.h"

// What libFuzzer calls, for the target that this program was compiled for.

namespace daybook::fuzz {
namespace {

const Target& ThisTarget() {
  static const Target* const target = [] {
    for (const Target& known : Targets()) {
      if (known.name == DAYBOOK_FUZZ_TARGET) return &known;
    }
    std::abort();
  }();
  return *target;
}

}  // namespace
}  // namespace daybook::fuzz

extern "C" {

std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  daybook::fuzz::ThisTarget().run({data, size});
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                    unsigned seed) {
  const auto mutator = daybook::fuzz::ThisTarget().mutator;
  if (mutator == nullptr) return LLVMFuzzerMutate(data, size, max_size);
  return mutator({data, max_size}, size, seed, LLVMFuzzerMutate);
}

}  // extern "C"
