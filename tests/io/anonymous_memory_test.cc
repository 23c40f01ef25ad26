#include "io/anonymous_memory.h"

#include <algorithm>

#include "catch.h"

namespace daybook {

TEST_CASE("Anonymous memory is zero and can be written") {
  const auto map = MapAnonymous(1 << 20);
  REQUIRE(map.ok());
  REQUIRE((*map)->size() == 1 << 20);
  std::byte* const data = (*map)->data();
  CHECK(std::all_of(data, data + (1 << 20), [](std::byte byte) { return byte == std::byte{0}; }));
  data[12345] = std::byte{7};
  (*map)->ReleasePages(0, 1 << 20);  // of no file: it keeps what it has
  CHECK(data[12345] == std::byte{7});
}

TEST_CASE("More memory than there is address space is refused") {
  CHECK(absl::IsResourceExhausted(MapAnonymous(std::uint64_t{1} << 60).status()));
}

}  // namespace daybook
