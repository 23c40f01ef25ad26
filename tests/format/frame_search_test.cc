#include "format/frame_search.h"

#include <cstring>
#include <string>

#include "catch.h"
#include "format/scan.h"
#include "support/segment_bytes.h"
#include "torture/hostile.h"

namespace daybook {
namespace {

using torture::Hostile;
using torture::HostileBytes;

constexpr std::uint64_t kFirst = frame::kSegmentHeaderBytes;

// One large record of such content, with small ones behind it.
struct LargeRecord : SegmentInMemory {
  static constexpr int kBehind = 20;

  LargeRecord(Hostile kind, std::size_t bytes, std::uint64_t seed)
      : SegmentInMemory(bytes + (64 << 10)) {
    large = Write(HostileBytes(kind, bytes, seed));
    next = Write("small 0");
    for (int i = 1; i < kBehind; ++i) Write("small " + std::to_string(i));
  }
  frame::SegmentBytes View() const {
    frame::SegmentBytes view = SegmentInMemory::View();
    view.max_frame_bytes = 32 << 20;
    return view;
  }

  std::uint64_t large = 0;
  std::uint64_t next = 0;
};

}  // namespace

TEST_CASE("A flipped bit of the length of a large record costs that record alone") {
  for (int kind = 0; kind < torture::kHostileKinds; ++kind) {
    LargeRecord segment(static_cast<Hostile>(kind), 1 << 20, 7);
    for (unsigned bit = 0; bit < 32; ++bit) {
      INFO("kind " << kind << ", bit " << bit);
      segment.Flip(segment.large + bit / 8, 1U << bit % 8);
      const frame::ScanResult scan = frame::Scan(segment.View(), {});
      CHECK(scan.records == LargeRecord::kBehind);
      CHECK_FALSE(scan.is_end_unknown);
      REQUIRE(scan.gaps.size() == 1);
      CHECK(scan.gaps[0].end_position == segment.next);
      CHECK_FALSE(scan.gaps[0].is_uncommitted);
      CHECK(scan.searched_bytes < segment.View().bytes.size());
      segment.Flip(segment.large + bit / 8, 1U << bit % 8);
    }
  }
}

TEST_CASE("What is behind a large record without a head is found by who follows whom") {
  for (const Hostile kind : {Hostile::kIntegers, Hostile::kFloats, Hostile::kCompressed,
                             Hostile::kExecutable, Hostile::kSegment, Hostile::kRandom}) {
    INFO("kind " << static_cast<int>(kind));
    LargeRecord segment(kind, 1 << 20, 8);
    std::memset(segment.at(segment.large), 0xff, 24);  // not one bit alone
    const frame::ScanResult scan = frame::Scan(segment.View(), {});
    CHECK(scan.records == LargeRecord::kBehind);
    CHECK_FALSE(scan.is_end_unknown);
  }
}

TEST_CASE("A frame that is found far away does not hide those before it") {
  LargeRecord segment(Hostile::kIntegers, 64 << 10, 9);
  // Frames that are followed by damage each, and then some that are not.
  std::memset(segment.at(segment.large), 0xff, 8);
  const std::uint64_t first = segment.next;
  const std::uint64_t step = frame::AlignedLength(frame::kFrameHeaderBytes + 7);
  for (int i = 1; i < 10; i += 2) segment.Flip(first + static_cast<std::uint64_t>(i) * step + 25);
  frame::FrameSearch search(segment.View());
  auto found = search.FindNextFrame({.position = segment.large, .delta = 0});
  REQUIRE(found);
  CHECK(found->position == first);
  // The frame that was found far away is not looked for again.
  const std::uint64_t hashed = search.hashed_bytes();
  found = search.FindNextFrame({.position = first + step, .delta = 2});
  REQUIRE(found);
  CHECK(found->position == first + 2 * step);
  CHECK(search.hashed_bytes() - hashed < 1024);
  CHECK(frame::Scan(segment.View(), {}).records == LargeRecord::kBehind - 5);
}

TEST_CASE("A place that is known spares the search, and one that is wrong does no harm") {
  LargeRecord segment(Hostile::kFrameHeads, 1 << 20, 10);
  std::memset(segment.at(segment.large), 0xff, 24);
  for (const std::uint64_t known : {segment.next, segment.end() - 32}) {
    frame::FrameSearch search(segment.View());
    const auto found = search.FindNextFrame({.position = segment.large, .delta = 0}, known);
    REQUIRE(found);
    CHECK(found->position >= segment.next);
    if (known == segment.next) CHECK(found->position == segment.next);
  }
}

TEST_CASE("A search that was given up is not one that found nothing") {
  constexpr std::uint64_t kSize = 256 << 10;
  SegmentInMemory segment(kSize);
  // Each 24 bytes claim a record as long as can be.
  const auto fill = [&segment](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t at = from; at + 24 <= to; at += 24) {
      const auto length = static_cast<std::uint32_t>(to - at);
      const std::uint32_t word = frame::LengthWord(frame::Kind::kRecord, length);
      std::memcpy(segment.at(at), &word, sizeof word);
    }
  };
  fill(kFirst, kSize);
  const auto found = frame::FindFrame(segment.View(), {});
  CHECK_FALSE(found);
  CHECK(found.is_unknown());
  const frame::ScanResult scan = frame::Scan(segment.View(), {});
  CHECK(scan.is_end_unknown);
  CHECK(scan.searched_bytes <= 64 * kSize);
  // Who takes the time knows.
  const auto all = frame::FindFrame(segment.View(), {}, {.hashed_per_byte = 1 << 20});
  CHECK_FALSE(all);
  CHECK_FALSE(all.is_unknown());
}

TEST_CASE("Marks are trusted where all claims are of this boot, and a guess elsewhere") {
  SegmentInMemory segment;
  segment.Write("a");
  const std::uint64_t claim = segment.LeaveClaim(8192);
  frame::MarkClaim(segment.at(claim), claim, 8192, SegmentInMemory::kId);
  // A frame within the claim, as another one's bytes can be, whole and in its place.
  const std::uint64_t inner = claim + 1024;
  frame::WritePadding(segment.at(inner), 24, inner, SegmentInMemory::kId, 1, 1);
  const frame::ScanFrom damage{.position = claim, .delta = 1};
  frame::FrameSearch trusting(segment.View(), {.trusts_marks = true});
  CHECK_FALSE(trusting.FindNextFrame(damage));
  frame::FrameSearch guessing(segment.View());
  REQUIRE(guessing.FindNextFrame(damage));
  CHECK(guessing.FindNextFrame(damage)->position == inner);
}

TEST_CASE("A flipped bit hides no record that another flipped bit would account for") {
  // As a transactional frame that is 1,024 bytes longer it would hold five records, as many as its
  // key has bytes, and end where the one with the offset behind those begins.
  SegmentInMemory segment;
  const std::string value(280, 'v');
  const std::uint64_t damaged = segment.Write(
      Record{.key = "a key", .value = value, .headers = {}, .timestamp = {}, .partition = {}});
  const std::uint64_t next = segment.Write(std::string(232, 'v'));
  REQUIRE(next == damaged + 312);
  for (int i = 0; i < 3; ++i) segment.Write(std::string(232, 'v'));
  REQUIRE(segment.Write("last") == damaged + 312 + 1024);
  segment.Flip(damaged + 3, 1U << 6);
  const frame::ScanResult scan = segment.Scan();
  CHECK(scan.records == 5);
  REQUIRE(scan.gaps.size() == 1);
  CHECK(scan.gaps[0].end_position == next);
}

}  // namespace daybook
