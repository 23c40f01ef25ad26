#include "segment/index/offset_index.h"

#include <random>
#include <vector>

#include "catch.h"

namespace daybook {
namespace {

constexpr std::uint64_t kCapacity = 1 << 20;

// Frames of the given sizes, all noted, and where each begins.
struct Frames {
  OffsetIndex index{kCapacity};
  std::vector<ClaimWord> starts;
  ClaimWord end = kFirstFrame;

  void Add(std::uint64_t bytes, bool is_noted = true) {
    const ClaimWord next = end + MakeClaimWord(1, bytes);
    if (is_noted) index.Note(end, next);
    starts.push_back(end);
    end = next;
  }
};

}  // namespace

TEST_CASE("An empty index answers with the first frame") {
  const OffsetIndex index(kCapacity);
  CHECK(index.FindDelta(1000, MakeClaimWord(2000, 500'000)) == kFirstFrame);
}

TEST_CASE("A look-up lands at most one interval before the record") {
  Frames frames;
  while (PositionOf(frames.end) < kCapacity - 1024) frames.Add(128);
  for (std::size_t i = 0; i < frames.starts.size(); i += 13) {
    const ClaimWord found = frames.index.FindDelta(static_cast<std::uint32_t>(i), frames.end);
    CHECK(RecordsOf(found) <= i);
    CHECK(PositionOf(frames.starts[i]) - PositionOf(found) <= OffsetIndex::kInterval);
  }
}

TEST_CASE("A look-up is as near where the size of records changes") {
  Frames frames;
  while (PositionOf(frames.end) < kCapacity / 2) frames.Add(24);
  while (PositionOf(frames.end) < kCapacity - 4096) frames.Add(2048);
  for (std::size_t i = 0; i < frames.starts.size(); i += 5) {
    const ClaimWord found = frames.index.FindDelta(static_cast<std::uint32_t>(i), frames.end);
    CHECK(RecordsOf(found) <= i);
    CHECK(PositionOf(frames.starts[i]) - PositionOf(found) <= OffsetIndex::kInterval);
  }
}

TEST_CASE("Records over many intervals do not lead past the one looked for") {
  Frames frames;
  for (const std::uint64_t bytes : {24, 40'000, 24, 24, 100'000, 4096, 4096, 24}) {
    frames.Add(bytes);
  }
  for (std::size_t i = 0; i < frames.starts.size(); ++i) {
    const ClaimWord found = frames.index.FindDelta(static_cast<std::uint32_t>(i), frames.end);
    CHECK(found <= frames.starts[i]);
  }
}

TEST_CASE("Slots that nobody filled only make the walk longer") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    Frames frames;
    while (PositionOf(frames.end) < kCapacity / 4) {
      frames.Add(24 + random() % 2000 / 8 * 8, random() % 4 == 0);
    }
    for (std::size_t i = 0; i < frames.starts.size(); ++i) {
      const ClaimWord found = frames.index.FindDelta(static_cast<std::uint32_t>(i), frames.end);
      CHECK(RecordsOf(found) <= i);
      CHECK(found == frames.starts[RecordsOf(found)]);
    }
  }
}

TEST_CASE("An index comes back from its file") {
  Frames frames;
  for (int i = 0; i < 1000; ++i) frames.Add(512);
  OffsetIndex loaded(kCapacity);
  REQUIRE(loaded.Load(9, frames.index.Encode(9, frames.end)).ok());
  for (std::uint32_t delta = 0; delta < 1000; delta += 7) {
    CHECK(loaded.FindDelta(delta, frames.end) == frames.index.FindDelta(delta, frames.end));
  }
}

TEST_CASE("A damaged or foreign index file is refused and changes nothing") {
  Frames frames;
  for (int i = 0; i < 100; ++i) frames.Add(512);
  const std::string encoded = frames.index.Encode(9, frames.end);
  OffsetIndex loaded(kCapacity);
  CHECK(absl::IsDataLoss(loaded.Load(8, encoded)));
  for (std::size_t byte = 0; byte < encoded.size(); ++byte) {
    std::string flipped = encoded;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x20);
    CHECK(absl::IsDataLoss(loaded.Load(9, flipped)));
    CHECK(absl::IsDataLoss(loaded.Load(9, encoded.substr(0, byte))));
  }
  CHECK(loaded.FindDelta(99, frames.end) == kFirstFrame);
}

TEST_CASE("An index agrees with the truth where it is filled, and need not be filled") {
  OffsetIndex truth(64 << 10);
  truth.Note(MakeClaimWord(0, 4096), MakeClaimWord(1, 9000));
  OffsetIndex index(64 << 10);
  CHECK(index.AgreesWith(truth));
  CHECK_FALSE(truth.AgreesWith(index));
  index.Note(MakeClaimWord(0, 4096), MakeClaimWord(1, 9000));
  CHECK(index.AgreesWith(truth));
  index.Note(MakeClaimWord(5, 12000), MakeClaimWord(6, 13000));
  CHECK_FALSE(index.AgreesWith(truth));
}

}  // namespace daybook
