#ifndef DAYBOOK_FUZZ_FUZZ_TARGET_H_
#define DAYBOOK_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

// Fuzz targets. Each has one body, which the fuzzer (main.cc) runs on bytes that it makes up and
// the tests (corpus_test.cc) on those of tests/fuzz/corpus/<name>/. A new one: a file
// <name>_fuzz.cc, a line in target_table.cc, and a corpus.

namespace daybook::fuzz {

using Input = std::span<const std::uint8_t>;

// LLVMFuzzerMutate, or what a test puts in its place: changes `size` bytes in a buffer that has
// room for `max_size`, and returns how many there are then.
using Mutate = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t max_size);

// Changes the bytes with `mutate`, then repairs the checksums that this broke; see repair.h.
// Returns the new size.
using Mutator = std::size_t (*)(std::span<std::uint8_t> buffer, std::size_t size,
                                std::uint64_t seed, Mutate mutate);

struct Target {
  std::string_view name;
  void (*run)(Input input);
  Mutator mutator = nullptr;  // null: the fuzzer's own
};

const std::vector<Target>& Targets();

// What a body found. Nothing in the fuzzer catches it, so that it ends there with the stack; in the
// tests it is a failure with this text.
class Finding : public std::logic_error {
  using std::logic_error::logic_error;
};

inline void Expect(bool holds, std::string_view what) {
  if (!holds) [[unlikely]]
    throw Finding(std::string(what));
}
inline void ExpectOk(const absl::Status& status, std::string_view what) {
  if (!status.ok()) [[unlikely]]
    throw Finding(std::string(what) + ": " + status.ToString());
}
// An error as the contract has them: of a kind that a caller can tell apart, and with a message.
void ExpectTyped(const absl::Status& status);

// The bytes of an input as decisions. When they are used up, all is zero.
class Choices {
 public:
  explicit Choices(Input input) : left_(input) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t Byte();
  // Little-endian, of so many bytes.
  std::uint64_t Number(int bytes);
  // Below `below`.
  std::uint64_t Pick(std::uint64_t below);
  bool Flip() { return (Byte() & 1) != 0; }
  // Fewer when there are not so many.
  Input Take(std::size_t size);
  std::string_view Text(std::size_t size);
  Input rest() const { return left_; }

 private:
  Input left_;
};

inline std::string_view TextOf(Input bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// --- The bodies ---------------------------------------------------------------------------------

void FuzzSegment(Input input);
void FuzzSegmentHeader(Input input);
void FuzzBatch(Input input);
void FuzzOffsetIndex(Input input);
void FuzzProperties(Input input);
void FuzzOffsetStore(Input input);
void FuzzDirectory(Input input);
void FuzzOperations(Input input);
void FuzzCommandLine(Input input);

}  // namespace daybook::fuzz

#endif  // DAYBOOK_FUZZ_FUZZ_TARGET_H_
