#include "format/open_claims.h"

#include <cstring>
#include <string>

#include "catch.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

using Next = frame::OpenClaims::Next;

constexpr std::uint64_t kFirst = frame::kSegmentHeaderBytes;

// Leaves a marked claim open, filled with what looks like anything.
std::uint64_t LeaveMarked(SegmentInMemory& segment, std::uint64_t bytes) {
  const std::uint64_t position = segment.LeaveClaim(bytes);
  frame::MarkClaim(segment.at(position), position, bytes, SegmentInMemory::kId);
  std::memset(segment.at(position + 8), 0x11, bytes - 8);
  return position;
}

TEST_CASE("marks of open claims lead to the next frame, whatever the claims hold", "[claims]") {
  SegmentInMemory segment;
  LeaveMarked(segment, 4096);
  LeaveMarked(segment, 24);
  const std::uint64_t frame = segment.Write("whole");
  const auto found = frame::FollowClaims(segment.View(), kFirst);
  CHECK(found.next == Next::kFrame);
  CHECK(found.position == frame);
  CHECK(found.claims == 2);
}

TEST_CASE("claims that were not even marked are zeros up to the next claim", "[claims]") {
  SegmentInMemory segment;
  segment.LeaveClaim(1024);
  LeaveMarked(segment, 48);
  segment.LeaveClaim(24);
  segment.LeaveClaim(80);
  const std::uint64_t frame = segment.Write("whole");
  const auto found = frame::FollowClaims(segment.View(), kFirst);
  CHECK(found.next == Next::kFrame);
  CHECK(found.position == frame);
  CHECK(found.claims == 1);
}

TEST_CASE("behind the last open claim there is nothing", "[claims]") {
  SegmentInMemory segment;
  CHECK(frame::FollowClaims(segment.View(), kFirst).next == Next::kNothing);
  CHECK(frame::FollowClaims(segment.View(), kFirst).position == kFirst);
  LeaveMarked(segment, 512);
  LeaveMarked(segment, 512);
  const auto found = frame::FollowClaims(segment.View(), kFirst);
  CHECK(found.next == Next::kNothing);
  CHECK(found.position == kFirst + 1024);
}

TEST_CASE("a mark that was changed leads nowhere, in most cases", "[claims]") {
  int misled = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    SegmentInMemory segment;
    LeaveMarked(segment, 4096);
    segment.Write("whole");
    segment.Flip(kFirst + 4 + bit / 8, 1U << bit % 8);
    misled += frame::FollowClaims(segment.View(), kFirst).next != Next::kBroken;
  }
  CHECK(misled <= 1);
  // Nor does one of another place, or of another segment.
  SegmentInMemory segment;
  frame::MarkClaim(segment.at(kFirst), kFirst + 8192, 64, SegmentInMemory::kId);
  CHECK(frame::FollowClaims(segment.View(), kFirst).next == Next::kBroken);
  frame::MarkClaim(segment.at(kFirst), kFirst, 64, ~SegmentInMemory::kId);
  CHECK(frame::FollowClaims(segment.View(), kFirst).next == Next::kBroken);
}

TEST_CASE("a mark never reaches beyond the segment's bytes", "[claims]") {
  SegmentInMemory segment;
  LeaveMarked(segment, 4096);
  frame::SegmentBytes cut = segment.View();
  cut.bytes = cut.bytes.first(kFirst + 4096);
  CHECK(frame::FollowClaims(cut, kFirst).next == Next::kNothing);
  CHECK(frame::FollowClaims(cut, kFirst).position == kFirst + 4096);
  cut.bytes = cut.bytes.first(kFirst + 4088);
  CHECK(frame::FollowClaims(cut, kFirst).next == Next::kBroken);
}

TEST_CASE("the largest frame can be marked", "[claims]") {
  const std::uint64_t bytes = frame::AlignedLength(frame::kMaxFrameBytes);
  for (const std::uint64_t position : {kFirst, (std::uint64_t{1} << 32) - bytes}) {
    const std::uint64_t word = std::uint64_t{frame::ClaimMark(position, bytes, 7)} << 32;
    CHECK(frame::MarkedBytes(word, position, 7) == bytes);
    CHECK(frame::MarkedBytes(word | 1, position, 7) == 0);
  }
}

}  // namespace
}  // namespace daybook
