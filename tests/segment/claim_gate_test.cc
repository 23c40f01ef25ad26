#include "segment/claim_gate.h"

#include "catch.h"

namespace daybook {
namespace {

constexpr std::uint64_t kLimit = (64 << 10) - frame::kSealBytes;

}  // namespace

TEST_CASE("A claim of an earlier life of a gate never holds in a later one") {
  ClaimGate gate;
  gate.Open(kLimit);
  const std::uint64_t bytes = 1000;
  // The one that crosses the limit seals the segment; these come after it.
  while (!gate.IsRollingClaim(gate.Claim(bytes, 1), bytes)) {
  }
  const ClaimWord late = gate.Claim(bytes, 1);
  const ClaimWord later = gate.Claim(8, 1);
  gate.StartClosing();

  gate.Open(kLimit);
  gate.SetGranted(kLimit);
  for (const auto& [before, size] : {std::pair(late, bytes), std::pair(later, std::uint64_t{8})}) {
    CHECK_FALSE(gate.Fits(before, size));
    CHECK_FALSE(gate.IsInside(before, size));
    CHECK_FALSE(gate.IsRollingClaim(before, size));
    CHECK_FALSE(gate.IsCurrentGeneration(before, size));
  }
}

TEST_CASE("A claim that comes after a gate was opened anew is one of the new life") {
  ClaimGate gate;
  gate.Open(kLimit);
  gate.Claim(kLimit, 9);
  gate.StartClosing();
  gate.Open(kLimit);
  CHECK_FALSE(gate.is_closing());
  const ClaimWord before = gate.Claim(104, 1);
  CHECK(before == kFirstFrame);
  CHECK_FALSE(gate.Fits(before, 104));
  gate.SetGranted(8 << 10);
  CHECK(gate.Fits(before, 104));
  CHECK(gate.committed() == kFirstFrame);
}

TEST_CASE("However many threads overshoot, the claim word does not run over") {
  ClaimGate gate;
  gate.Open(kLimit);
  // Larger ones are made one at a time, under the log's lock.
  CHECK_FALSE(gate.Admits(ClaimGate::kLargestFreeClaim + 8));
  CHECK(gate.Admits(ClaimGate::kLargestFreeClaim));
  constexpr std::uint64_t kLargestSegment = std::uint64_t{4} << 30;
  gate.Claim(kLargestSegment, 3);
  gate.Claim(frame::kMaxFrameBytes / 8 * 8, 1);
  for (std::uint64_t i = 0; i < kMostThreads; ++i) gate.Claim(ClaimGate::kLargestFreeClaim, 1);
  gate.Claim(kLargestSegment, 0);
  CHECK(RecordsOf(gate.claimed()) == kMostThreads + 4);
}

TEST_CASE("A gate that is closing admits nothing") {
  ClaimGate gate;
  gate.StartClosing();
  CHECK_FALSE(gate.Admits(8));
  CHECK(gate.is_closing());
}

}  // namespace daybook
