#ifndef DAYBOOK_BASE_CHECKSUM_H_
#define DAYBOOK_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <span>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace daybook::inline v1 {

// XXH3, 64 bits, no seed: the fastest hash of its quality for the 50 to 1,000 bytes of a record.
inline std::uint64_t Hash64(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// The halves of the 128-bit product of both, xored. Where one factor is as good as random, every
// bit of the other one spreads over the result. (As wyhash, rapidhash and XXH3 mix short inputs.)
inline std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Product = unsigned __int128;
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// 32 bits of a hash under a salt: with another salt the same content has an unrelated checksum.
// The seed of XXH3 would do that too, but costs a new secret for each call over 240 bytes; the
// finaliser of MurmurHash3 is a bijection of (hash ^ salt) that spreads every bit over all.
inline std::uint32_t Checksum32(std::uint64_t content_hash, std::uint64_t salt) {
  std::uint64_t x = content_hash ^ salt;
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return static_cast<std::uint32_t>(x >> 32);
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_CHECKSUM_H_
