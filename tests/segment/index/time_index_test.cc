#include "segment/index/time_index.h"

#include "catch.h"
#include "format/frame_codec.h"

namespace daybook {
namespace {

constexpr std::uint64_t kFrameBytes = 1024;

// Frames of a kibibyte each, with these times of their own, from the first place on.
struct Times {
  TimeIndex index;
  ClaimWord end = kFirstFrame;

  void Add(std::optional<std::int64_t> own, std::int64_t append_time = 0) {
    std::byte bytes[32] = {};
    const frame::FrameHeader header{
        .length_word = frame::LengthWord(frame::Kind::kRecord, kFrameBytes),
        .checksum = 0,
        .append_time = append_time,
        .offset_delta = RecordsOf(end),
        .attributes = own ? std::uint32_t{frame::kHasEventTime} : 0U};
    if (own) std::memcpy(bytes + frame::kFrameHeaderBytes, &*own, sizeof *own);
    index.Note(end, bytes, header);
    end += MakeClaimWord(1, kFrameBytes);
  }
};

}  // namespace

TEST_CASE("The first part with a time late enough is where to look, in whatever order times come") {
  Times times;
  // The first part has 12 frames: it begins behind the header of the segment.
  for (int i = 0; i < 12; ++i) times.Add(i == 5 ? 500 : 1);
  for (int i = 0; i < 16; ++i) times.Add(i == 3 ? 900 : 2);
  for (int i = 0; i < 16; ++i) times.Add(i == 3 ? 700 : 3);
  const ClaimWord second = kFirstFrame + MakeClaimWord(12, 12 * kFrameBytes);
  const ClaimWord third = second + MakeClaimWord(16, 16 * kFrameBytes);
  const auto first = [&](std::int64_t nanos) { return times.index.FirstPlace(nanos, kFirstFrame); };
  CHECK(first(0) == kFirstFrame);
  CHECK(first(500) == kFirstFrame);
  CHECK(first(501) == second);
  CHECK(first(900) == second);
  CHECK_FALSE(first(901));
  // From within a part on, and from behind one.
  const ClaimWord within = second + MakeClaimWord(4, 4 * kFrameBytes);
  CHECK(times.index.FirstPlace(800, within) == within);
  CHECK(times.index.FirstPlace(600, third) == third);
  CHECK_FALSE(times.index.FirstPlace(800, third));
  CHECK(times.index.summary().has_own);
  CHECK(times.index.summary().latest == 900);
}

TEST_CASE("Records without a time of their own count with that of their append") {
  Times times;
  times.Add(std::nullopt, 40);
  CHECK_FALSE(times.index.summary().has_own);
  times.Add(-7, 50);
  CHECK(times.index.summary().has_own);
  CHECK(times.index.summary().latest == 40);
  CHECK(times.index.FirstPlace(40, kFirstFrame) == kFirstFrame);
  CHECK_FALSE(times.index.FirstPlace(41, kFirstFrame));
}

TEST_CASE("An index of times comes back from its bytes, and its summary from the last of them") {
  Times times;
  for (int i = 0; i < 100; ++i) times.Add(i * 37 % 100);
  const std::string encoded = times.index.Encode(9);
  TimeIndex loaded;
  REQUIRE(loaded.Load(9, encoded).ok());
  for (std::int64_t nanos = -1; nanos < 101; ++nanos) {
    CHECK(loaded.FirstPlace(nanos, kFirstFrame) == times.index.FirstPlace(nanos, kFirstFrame));
  }
  CHECK(loaded.Covers(times.index));
  const auto summary = TimeIndex::ReadSummary(9, encoded.substr(encoded.size() - 48));
  REQUIRE(summary);
  CHECK(summary->has_own);
  CHECK(summary->latest == 99);
  CHECK_FALSE(TimeIndex::ReadSummary(8, encoded));
}

TEST_CASE(
    "Where no record has a time of its own the file is a footer alone, with the latest time") {
  TimeIndex index;
  index.NoteBound(70);
  const std::string encoded = index.Encode(9);
  CHECK(encoded.size() == TimeIndex::kFooterBytes);
  TimeIndex loaded;
  REQUIRE(loaded.Load(9, encoded).ok());
  CHECK_FALSE(loaded.summary().has_own);
  CHECK(loaded.summary().latest == 70);
}

TEST_CASE("A damaged or foreign index of times is refused and changes nothing") {
  Times times;
  for (int i = 0; i < 40; ++i) times.Add(i);
  const std::string encoded = times.index.Encode(9);
  TimeIndex loaded;
  CHECK(absl::IsDataLoss(loaded.Load(8, encoded)));
  for (std::size_t byte = 0; byte < encoded.size(); ++byte) {
    std::string flipped = encoded;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x20);
    CHECK(absl::IsDataLoss(loaded.Load(9, flipped)));
    CHECK(absl::IsDataLoss(loaded.Load(9, encoded.substr(0, byte))));
  }
  CHECK_FALSE(loaded.FirstPlace(0, kFirstFrame));
}

TEST_CASE("An index covers the truth unless it would hide a record") {
  Times truth;
  Times later;
  Times earlier;
  for (int i = 0; i < 40; ++i) {
    truth.Add(i);
    later.Add(i + 1);
    earlier.Add(i == 39 ? 38 : i);
  }
  CHECK(truth.index.Covers(truth.index));
  CHECK(later.index.Covers(truth.index));
  CHECK_FALSE(earlier.index.Covers(truth.index));
  CHECK_FALSE(TimeIndex().Covers(truth.index));
  CHECK(truth.index.Covers(TimeIndex()));
}

}  // namespace daybook
