#include "log/check/segment_verifier.h"

#include "catch.h"
#include "support/earlier_format.h"
#include "support/log/damaged_log.h"

namespace daybook {
namespace {

SegmentVerification Verified(DamagedLog& log, const std::vector<std::byte>& bytes,
                             bool has_next = true) {
  return VerifySegment({.file = log.names[0],
                        .name_base = Offset(0),
                        .bytes = bytes,
                        .has_next = has_next,
                        .index = {},
                        .neighbour = {}},
                       log.disk().BootId(), nullptr);
}

}  // namespace

TEST_CASE("Every bit of a header page is known to be right or reported") {
  DamagedLog log;
  std::vector<std::byte> bytes = log.Get(log.names[0]);
  REQUIRE(Verified(log, bytes).issues.empty());
  for (std::size_t position = 0; position < frame::kSegmentHeaderBytes; ++position) {
    INFO("position " << position);
    bytes[position] ^= std::byte{0x04};
    const SegmentVerification verified = Verified(log, bytes);
    REQUIRE(verified.summary.is_damaged());
    CHECK(verified.issues[0].begin_position <= position);
    CHECK(verified.summary.records == log.BaseOf(1).value());
    bytes[position] ^= std::byte{0x04};
  }
}

TEST_CASE("A segment of any length is verified without an accident, and a cut is damage") {
  DamagedLog log;
  const std::vector<std::byte> bytes = log.Get(log.names[0]);
  for (std::size_t size = 0; size < bytes.size(); size += size < 4200 ? 1 : 97) {
    INFO("size " << size);
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const SegmentVerification verified = Verified(log, cut);
    // What lies behind the seal is no loss.
    if (size + 4096 < bytes.size()) REQUIRE(verified.summary.is_damaged());
  }
}

TEST_CASE("Zeros among committed records are damage, and an open claim is none") {
  DamagedLog log;
  std::vector<std::byte> bytes = log.Get(log.names[0]);
  std::fill_n(bytes.begin() + 4096 + 3 * 128, 2 * 128, std::byte{0});
  const SegmentVerification verified = Verified(log, bytes);
  REQUIRE(verified.issues.size() == 1);
  CHECK(verified.issues[0].is_damage);
  CHECK(verified.issues[0].cause == "zeros where records were committed");
  CHECK(verified.issues[0].begin_offset == Offset(3));
  CHECK(verified.issues[0].end_offset == Offset(5));
}

TEST_CASE("A segment of another format version is told by that, and not taken for a damaged one") {
  DamagedLog log;
  std::vector<std::byte> bytes = log.Get(log.names[0]);
  MakeEarlierHeader(bytes);
  const SegmentVerification verified = Verified(log, bytes);
  REQUIRE(verified.issues.size() == 1);
  CHECK(verified.issues[0].cause == frame::OtherVersion(1).message());
  CHECK(verified.issues[0].is_damage);
  CHECK(verified.issues[0].begin_offset == Offset(0));
  CHECK(verified.summary.header_state == HeaderState::kOtherVersion);
  CHECK(verified.summary.records == 0);
}

TEST_CASE("All of many gaps are reported") {
  DamagedLog log;
  std::vector<std::byte> bytes = log.Get(log.names[0]);
  for (std::size_t i = 0; i < 40; ++i) bytes[4096 + 128 * (2 * i) + 70] ^= std::byte{1};
  CHECK(Verified(log, bytes).issues.size() == 40);
}

TEST_CASE("The last place before an offset is between two frames") {
  DamagedLog log;
  const std::vector<std::byte> bytes = log.Get(log.names[0]);
  const auto header = frame::DecodeSegmentHeader(bytes).value();
  const FramePlace place = PlaceBefore(bytes, header, Offset(7));
  CHECK(place.position == 4096 + 7 * 128);
  CHECK(place.offset == Offset(7));
  CHECK(PlaceBefore(bytes, header, Offset(0)).position == 4096);
  CHECK(PlaceBefore(bytes, header, Offset(1'000'000)).offset == log.BaseOf(1));
}

}  // namespace daybook
