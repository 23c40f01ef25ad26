#include "log/check/diagnosis.h"

#include <cstring>

#include "catch.h"
#include "format/segment_header.h"
#include "support/segment_bytes.h"

namespace daybook {
namespace {

// A header for a segment in memory.
frame::SegmentHeader HeaderAt(std::int64_t base_offset) {
  frame::SegmentHeader header{};
  header.segment_id = SegmentInMemory::kId;
  header.base_offset = base_offset;
  header.max_frame_bytes = 1 << 20;
  header.capacity = 64 << 10;
  return header;
}

// A segment with that header and one record, as bytes.
std::vector<std::byte> Written(const frame::SegmentHeader& header) {
  SegmentInMemory segment;
  segment.Write("a record");
  frame::EncodeSegmentHeader(header, {segment.at(0), frame::kSegmentHeaderBytes});
  return {segment.at(0), segment.at(0) + (64 << 10)};
}

}  // namespace

TEST_CASE("Each flipped bit of a record is found at its place") {
  SegmentInMemory segment;
  const std::uint64_t begin = segment.Write("some value");
  const std::uint64_t end = segment.end();
  segment.Write("next");
  for (std::uint64_t position = begin; position < begin + 34; ++position) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      segment.Flip(position, 1U << bit);
      CHECK(CauseOfGap(segment.View(), begin, end) ==
            "one bit is flipped, at position " + std::to_string(position));
      segment.Flip(position, 1U << bit);
    }
  }
}

TEST_CASE("Zeros, misplaced pages and noise are told apart") {
  SegmentInMemory segment;
  std::vector<std::uint64_t> positions;
  for (int i = 0; i < 300; ++i) positions.push_back(segment.Write(std::string(40, 'v')));
  std::memset(segment.at(8192), 0, 64);
  CHECK(CauseOfGap(segment.View(), 8192, 8192 + 64) == "zeros where records were committed");
  std::memcpy(segment.at(8192), segment.at(12288), 4096);
  CHECK(CauseOfGap(segment.View(), 8192, 12288) ==
        "bytes of another place: what stands at position 8192 belongs at position 12288");
  std::memset(segment.at(8192), 0x5a, 4096);
  CHECK(CauseOfGap(segment.View(), 8192, 12288).find("a record is damaged") == 0);
}

TEST_CASE("A cause is found for any bytes, at the very end of a file, too") {
  SegmentInMemory segment(8192);
  for (const unsigned fill : {0x11U, 0x40U, 0xffU}) {
    std::memset(segment.at(4096), static_cast<int>(fill), 4096);
    for (const std::uint64_t begin : {4096U, 8192U - 24, 8192U - 16, 8192U - 8}) {
      CHECK_FALSE(CauseOfGap(segment.View(), begin, 8192).empty());
    }
  }
}

TEST_CASE("A header with one flipped bit is had back as it was") {
  const frame::SegmentHeader header = HeaderAt(42);
  std::vector<std::byte> bytes = Written(header);
  for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto restored =
        RestoreHeader(bytes, {.base_offset = Offset(42), .segment_id = {}, .neighbour = {}});
    REQUIRE(restored.has_value());
    CHECK(restored->segment_id == header.segment_id);
    CHECK(restored->base_offset == 42);
    CHECK(restored->capacity == header.capacity);
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
}

TEST_CASE("A header that is gone is made anew around the id of the index, or its own") {
  std::vector<std::byte> bytes = Written(HeaderAt(42));
  std::memset(bytes.data(), 0xee, 64);
  HeaderHints hints{.base_offset = Offset(42), .segment_id = {}, .neighbour = {}};
  CHECK_FALSE(RestoreHeader(bytes, hints).has_value());
  hints.segment_id = SegmentInMemory::kId + 1;
  CHECK_FALSE(RestoreHeader(bytes, hints).has_value());
  hints.segment_id = SegmentInMemory::kId;
  hints.neighbour = HeaderAt(0);
  hints.neighbour->capacity = 1 << 20;
  const auto restored = RestoreHeader(bytes, hints);
  REQUIRE(restored.has_value());
  CHECK(restored->base_offset == 42);
  CHECK(restored->capacity == 1 << 20);
  hints.segment_id.reset();
  std::memcpy(&bytes[16], &SegmentInMemory::kId, 8);
  CHECK(RestoreHeader(bytes, hints).has_value());
  CHECK_FALSE(RestoreHeader(std::span(bytes).first(4096), hints).has_value());
}

}  // namespace daybook
