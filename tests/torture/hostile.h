#ifndef DAYBOOK_TORTURE_HOSTILE_H_
#define DAYBOOK_TORTURE_HOSTILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_HOSTILE_H_
