#include "base/checksum.h"

#include <algorithm>
#include <bit>
#include <set>
#include <string>
#include <string_view>

#include "catch.h"

namespace daybook {
namespace {

std::uint64_t HashOf(std::string_view text) { return Hash64(std::as_bytes(std::span(text))); }

}  // namespace

// Both are part of the format: other values mean that no old file can be read.
TEST_CASE("The hash is XXH3") {
  CHECK(HashOf("") == 0x2d06800538d394c2);
  CHECK(HashOf("daybook") == 0xad3f020e334eecfd);
  CHECK(HashOf(std::string(1000, 'x')) == 0xc0a4877b962cba82);
}

TEST_CASE("The hash is that of xxHash for every length, of a copy, too") {
  std::string text;
  std::string copy(302, '.');
  for (std::size_t size = 0; size <= 300; ++size) {
    INFO(size << " bytes");
    const std::uint64_t expected = XXH3_64bits(text.data(), text.size());
    CHECK(HashOf(text) == expected);
    if (IsFew(size)) {
      const auto bytes = std::as_writable_bytes(std::span(copy.data() + 1, size));
      CHECK(CopyAndHash(bytes.data(), std::as_bytes(std::span(text))) == expected);
      CHECK(copy == "." + text + std::string(301 - size, '.'));
    }
    std::fill(copy.begin(), copy.end(), '.');
    text += static_cast<char>(size * 151 + 7);
  }
}

TEST_CASE("The checksum of a hash under a salt never changes") {
  CHECK(Checksum32(0, 0) == 0);
  CHECK(Checksum32(1, 0) == 0xb456bcfc);
  CHECK(Checksum32(0x0123456789abcdef, 0xfedcba9876543210) == 0x64b5720b);
}

TEST_CASE("Every bit of the salt changes about half of the checksum") {
  const std::uint64_t hash = HashOf("daybook");
  for (int bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (std::uint64_t salt = 0; salt < 1000; ++salt) {
      flipped += std::popcount(Checksum32(hash, salt) ^
                               Checksum32(hash, salt ^ (std::uint64_t{1} << bit)));
    }
    INFO("bit " << bit);
    CHECK(flipped > 14'000);
    CHECK(flipped < 18'000);
  }
}

TEST_CASE("The same content has as many checksums as there are salts") {
  std::set<std::uint32_t> seen;
  for (std::uint64_t salt = 0; salt < 10'000; ++salt) seen.insert(Checksum32(42, salt));
  CHECK(seen.size() > 9'990);
}

}  // namespace daybook
