#include "format/scan.h"

#include <random>
#include <string>

#include "catch.h"
#include "support/segment_bytes.h"

namespace daybook {

TEST_CASE("A scan of an empty segment finds nothing and a clean tail") {
  const frame::ScanResult scan = SegmentInMemory().Scan();
  CHECK(scan.end_position == frame::kSegmentHeaderBytes);
  CHECK(scan.records == 0);
  CHECK(scan.tail_bytes == 0);
}

TEST_CASE("A scan counts records up to the seal") {
  SegmentInMemory segment;
  segment.Write("a");
  segment.Write("bb");
  segment.Seal();
  const frame::ScanResult scan = segment.Scan();
  CHECK(scan.records == 2);
  CHECK(scan.end_delta == 2);
  CHECK(scan.is_sealed);
  CHECK(scan.gaps.empty());
  CHECK(scan.end_position == segment.end());
}

TEST_CASE("A claim that was never committed is a gap and what follows is found") {
  SegmentInMemory segment;
  segment.Write("a");
  const std::uint64_t open = segment.LeaveClaim(48);
  const std::uint64_t next = segment.Write("b");
  const frame::ScanResult scan = segment.Scan();
  REQUIRE(scan.gaps.size() == 1);
  CHECK(scan.gaps[0].begin_position == open);
  CHECK(scan.gaps[0].end_position == next);
  CHECK(scan.gaps[0].begin_delta == 1);
  CHECK(scan.gaps[0].end_delta == 2);
  CHECK(scan.gaps[0].is_uncommitted);
  CHECK(scan.records == 2);
}

TEST_CASE("Offsets that are missing between two frames are a gap without bytes") {
  SegmentInMemory segment;
  segment.Write("a");
  segment.GoOnAt(4);
  const std::uint64_t next = segment.Write("b");
  segment.GoOnAt(6);
  const std::uint64_t seal = segment.Seal();
  const frame::ScanResult scan = segment.Scan();
  REQUIRE(scan.gaps.size() == 2);
  CHECK(scan.gaps[0].bytes() == 0);
  CHECK(scan.gaps[0].begin_position == next);
  CHECK(scan.gaps[0].begin_delta == 1);
  CHECK(scan.gaps[0].end_delta == 4);
  CHECK_FALSE(scan.gaps[0].is_uncommitted);
  CHECK(scan.gaps[1].begin_position == seal);
  CHECK(scan.gaps[1].begin_delta == 5);
  CHECK(scan.gaps[1].end_delta == 6);
  CHECK(scan.records == 2);
}

TEST_CASE("One flipped bit costs one record") {
  for (std::uint64_t byte = 0; byte < 32; ++byte) {
    SegmentInMemory segment;
    segment.Write("aaaa");
    const std::uint64_t hit = segment.Write("bbbbbbbb");
    segment.Write("cccc");
    segment.Flip(hit + byte, 0x40);
    const frame::ScanResult scan = segment.Scan();
    CHECK(scan.records == 2);
    REQUIRE(scan.gaps.size() == 1);
    CHECK_FALSE(scan.gaps[0].is_uncommitted);
    CHECK(scan.gaps[0].begin_delta == 1);
    CHECK(scan.gaps[0].end_delta == 2);
  }
}

TEST_CASE("Bytes behind the last frame are a dirty tail") {
  SegmentInMemory segment;
  segment.Write("a");
  // Wherever the last one is in what is looked at at once.
  for (std::uint64_t behind = 0; behind < 1000; ++behind) {
    INFO("behind " << behind);
    segment.Flip(segment.end() + behind);
    const frame::ScanResult scan = segment.Scan();
    CHECK(scan.end_position == segment.end());
    CHECK(scan.tail_bytes == behind + 1);
    CHECK(scan.gaps.empty());
    segment.Flip(segment.end() + behind);
  }
}

TEST_CASE("What is behind a seal is looked at or not, as is asked") {
  SegmentInMemory segment;
  segment.Write("a");
  segment.Seal();
  segment.Flip(segment.end() + 8);
  CHECK(segment.Scan().tail_bytes == 9);
  const frame::ScanResult scan =
      frame::Scan(segment.View(), {}, nullptr,
                  {.search = {}, .ends_at_gap = false, .looks_behind_seal = false});
  CHECK(scan.is_sealed);
  CHECK(scan.tail_bytes == 0);
}

TEST_CASE("A frame with an offset below its predecessor's is not believed") {
  SegmentInMemory segment;
  segment.Write("a");
  segment.Write("b");
  // A correct frame, but with offset 0 again.
  frame::WritePadding(segment.at(segment.end()), 24, segment.end(), SegmentInMemory::kId, 0, 1);
  CHECK(segment.Scan().end_delta == 2);
}

TEST_CASE("Every truncation of a segment scans to a beginning of its records") {
  SegmentInMemory segment(8192);
  for (int i = 0; i < 20; ++i) segment.Write(std::string(static_cast<std::size_t>(i * 7), 'x'));
  const std::int64_t all = segment.Scan().records;
  frame::SegmentBytes cut = segment.View();
  std::int64_t last = 0;
  for (std::size_t size = frame::kSegmentHeaderBytes; size <= 8192; size += 8) {
    cut.bytes = segment.View().bytes.first(size);
    const std::int64_t records = frame::Scan(cut, {}).records;
    CHECK(records >= last);
    last = records;
  }
  CHECK(last == all);
}

TEST_CASE("Random bytes are scanned without harm") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    SegmentInMemory segment(16 << 10);
    for (std::uint64_t at = frame::kSegmentHeaderBytes; at < 16 << 10; ++at) {
      *segment.at(at) = static_cast<std::byte>(random());
    }
    CHECK(segment.Scan().records == 0);
  }
}

TEST_CASE("A gap is open claims alone, or something in it is damaged") {
  SegmentInMemory segment;
  segment.Write("a");
  const std::uint64_t claim = segment.LeaveClaim(4096);
  frame::MarkClaim(segment.at(claim), claim, 4096, SegmentInMemory::kId);
  std::memset(segment.at(claim + 8), 0x18, 4088);
  const std::uint64_t damaged = segment.Write("b");
  const std::uint64_t whole = segment.Write("c");
  REQUIRE(segment.Scan().gaps.size() == 1);
  CHECK(segment.Scan().gaps[0].is_uncommitted);
  CHECK(segment.Scan().gaps[0].end_position == damaged);
  segment.Flip(damaged + 24);
  REQUIRE(segment.Scan().gaps.size() == 1);
  CHECK_FALSE(segment.Scan().gaps[0].is_uncommitted);
  CHECK(segment.Scan().gaps[0].end_position == whole);
}

TEST_CASE("Padding leaves marks that lead over the gap until it is committed") {
  SegmentInMemory segment;
  segment.Write("a");
  const std::uint64_t claim = segment.LeaveClaim(4096);
  const std::uint64_t next = segment.Write("b");
  frame::MarkOpen(segment.at(0), claim, next, SegmentInMemory::kId);
  std::memset(segment.at(claim + 8), 0x18, 4088);
  CHECK(segment.Scan().gaps.at(0).is_uncommitted);
  frame::PadGap(segment.at(0), segment.Scan().gaps.at(0), SegmentInMemory::kId);
  CHECK(segment.Scan().gaps.empty());
  CHECK(segment.Scan().padding_bytes == 4096);
}

}  // namespace daybook
