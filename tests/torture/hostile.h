#ifndef DAYBOOK_TORTURE_HOSTILE_H_
#define DAYBOOK_TORTURE_HOSTILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "torture/run.h"

// Payloads that look like something else, frames above all: for whatever damages, kills, or looks
// for its way past what it finds.

namespace daybook::torture {

enum class Hostile {
  kFrameHeads,  // heads of frames that lead from one to the next, of any length, at any offset
  kIntegers,    // of 64 bits, from 2^28 on: each looks like the length word of a record
  kFloats,
  kCompressed,  // by Zstandard
  kExecutable,  // of this program's own file
  kSegment,     // frames of another segment of this library
  kZeroRuns,    // heads of frames with long runs of zeros behind them
  kRandom,
};
inline constexpr int kHostileKinds = 8;

// The same for the same arguments, but for kExecutable.
std::string HostileBytes(Hostile kind, std::size_t bytes, std::uint64_t seed);

// Many payloads at the price of a few: parts of `bytes` of each kind.
class HostilePool {
 public:
  HostilePool(std::size_t bytes, std::uint64_t seed);

  // Of any kind, as `seed` says; `bytes` is at most that of the pool.
  std::string_view Payload(std::size_t bytes, std::uint64_t seed) const;

 private:
  std::vector<std::string> kinds_;
};

// Of up to 64 KiB, and of up to 1 MiB.
const HostilePool& SmallHostilePool();
const HostilePool& LargeHostilePool();

// Values of records that can be told apart and look like anything, as long as a shape has them: up
// to 6,000 bytes in kSmall, up to 1 MiB in kDefault. To be made before a process is started that
// uses it: that takes long once.
class HostileValues {
 public:
  explicit HostileValues(Shape shape);

  // Mostly short; now and then any length, as many from 1 to 2 KiB as from 512 KiB to 1 MiB.
  std::size_t BytesOf(std::uint64_t seed) const;
  // Begins with `head`, whole in any case; the same for the same arguments in all processes.
  std::string ValueOf(std::string head, std::size_t bytes, std::uint64_t seed) const;

 private:
  const std::size_t most_;
  const HostilePool& pool_;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_HOSTILE_H_
