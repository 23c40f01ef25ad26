#ifndef DAYBOOK_BASE_CHECKSUM_H_
#define DAYBOOK_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace daybook::inline v1 {

// The halves of the 128-bit product of both, xored. Where one factor is as good as random, every
// bit of the other one spreads over the result. (As wyhash, rapidhash and XXH3 mix short inputs.)
inline std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Product = unsigned __int128;
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

namespace hashing {

inline std::uint64_t Load(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// A word of XXH3's secret, known to the compiler.
template <std::size_t kAt>
inline std::uint64_t Secret() {
  return XXH_readLE64(XXH3_kSecret + kAt);
}

// XXH3 of 17 to 128 bytes, which are copied to `to` on the way if kCopies. Written here again, as
// its specification has it, since what the compiler makes of the header of xxHash takes a third
// more instructions, and a copy has loaded all of the bytes anyway.
template <bool kCopies>
[[gnu::always_inline]] inline std::uint64_t HashFew(const std::byte* from, std::size_t size,
                                                    std::byte* to) {
  const auto lane = [&]<std::size_t kSecret>(std::size_t at) {
    // Loaded twice, since a copy of 16 bytes is one load and one store.
    if constexpr (kCopies) std::memcpy(to + at, from + at, 16);
    return Fold(Load(from + at) ^ Secret<kSecret>(), Load(from + at + 8) ^ Secret<kSecret + 8>());
  };
  std::uint64_t hash = size * XXH_PRIME64_1;
  const auto add = [&hash](std::uint64_t lane_hash) {
    hash += lane_hash;
    // So that it is added now: of two products that wait, one has to be moved out of the way.
    __asm__("" : "+r"(hash));
  };
  if (size > 32) {
    if (size > 64) {
      if (size > 96) {
        add(lane.template operator()<96>(48));
        add(lane.template operator()<112>(size - 64));
      }
      add(lane.template operator()<64>(32));
      add(lane.template operator()<80>(size - 48));
    }
    add(lane.template operator()<32>(16));
    add(lane.template operator()<48>(size - 32));
  }
  add(lane.template operator()<0>(0));
  add(lane.template operator()<16>(size - 16));
  hash ^= hash >> 37;
  hash *= 0x165667919e3779f9ULL;
  return hash ^ hash >> 32;
}

[[gnu::noinline]] inline std::uint64_t HashMany(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// Of what is not few. Apart for 16 and less: in one call for both a claim takes 8 instructions
// more.
inline std::uint64_t HashOthers(std::span<const std::byte> bytes) {
  return bytes.size() <= 16 ? XXH3_64bits(bytes.data(), bytes.size()) : HashMany(bytes);
}

}  // namespace hashing

// How many bytes CopyAndHash takes.
inline bool IsFew(std::size_t size) { return size - 17 <= 128 - 17; }

// XXH3, 64 bits, no seed: the fastest hash of its quality for the 50 to 1,000 bytes of a record.
inline std::uint64_t Hash64(std::span<const std::byte> bytes) {
  return IsFew(bytes.size()) ? hashing::HashFew<false>(bytes.data(), bytes.size(), nullptr)
                             : hashing::HashOthers(bytes);
}

// The same of few bytes, which are copied to `to` on the way.
[[gnu::noinline]] inline std::uint64_t CopyAndHash(std::byte* to, std::span<const std::byte> from) {
  return hashing::HashFew<true>(from.data(), from.size(), to);
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
