#include "segment/zeroed_memory.h"

#include <algorithm>
#include <array>

#include "catch.h"

namespace daybook {

TEST_CASE("What is granted is zero, and so is the room for a seal behind it") {
  std::array<std::byte, 256> bytes{};
  bytes.fill(std::byte{7});
  ClaimGate gate;
  ZeroedMemory memory;
  memory.Restart(64);
  CHECK(memory.Grant(bytes.data(), 128, gate));
  CHECK(gate.granted() == 128);
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  CHECK(std::all_of(bytes.begin() + 64, bytes.begin() + 128 + frame::kSealBytes, is_zero));
  CHECK(bytes[63] == std::byte{7});
  CHECK(bytes[128 + frame::kSealBytes] == std::byte{7});
}

TEST_CASE("What was granted and written before is not zeroed again") {
  std::array<std::byte, 256> bytes{};
  ClaimGate gate;
  ZeroedMemory memory;
  CHECK(memory.Grant(bytes.data(), 128, gate));
  bytes[100] = std::byte{1};
  CHECK_FALSE(memory.Grant(bytes.data(), 120, gate));
  CHECK(memory.Grant(bytes.data(), 160, gate));
  memory.Zero(bytes.data(), 200);
  CHECK(bytes[100] == std::byte{1});
  CHECK(gate.granted() == 160);
}

}  // namespace daybook
