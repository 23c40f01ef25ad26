#include <cstring>

#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"
#include "fuzz/segment_input.h"
#include "segment/index/offset_index.h"

// The file of an offset index. The index is a hint: what is in it may be any words, and a look-up
// then answers one of them, or the first frame, or the end, and ends.

namespace daybook::fuzz {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{4} << 20;  // more than one block of slots

}  // namespace

void FuzzOffsetIndex(Input input) {
  Choices choices(input);
  const ClaimWord end = MakeClaimWord(choices.Number(3), choices.Number(3));
  const std::string_view encoded = TextOf(choices.rest());
  OffsetIndex index(kCapacity);
  const absl::Status status = index.Load(kSegmentId, encoded);
  Expect(status.ok() || absl::IsDataLoss(status), "a bad index is damage");
  const std::string again = index.Encode(kSegmentId, end);
  OffsetIndex other(kCapacity);
  ExpectOk(other.Load(kSegmentId, again), "an index does not read what it wrote");
  Expect(other.Encode(kSegmentId, end) == again, "an index changes when it is read");
  Expect(!other.Load(kSegmentId + 1, again).ok(), "an index of another segment is taken");

  const auto is_inside = [end](ClaimWord word) {
    return word == kFirstFrame || PositionOf(word) < PositionOf(end);
  };
  for (std::uint64_t at = 0; at < 8; ++at) {
    const auto delta = static_cast<std::uint32_t>(RecordsOf(end) * at / 7);
    Expect(is_inside(index.FindDelta(delta, end)), "an offset is looked for behind the end");
    const std::uint64_t position = PositionOf(end) * at / 7;
    const ClaimWord found = index.FindPosition(position, end);
    Expect(found == end || (PositionOf(found) >= position && is_inside(found)),
           "a position is looked for elsewhere");
    Expect(
        is_inside(index.FindLast(end, [&](ClaimWord word) { return PositionOf(word) < position; })),
        "a time is looked for behind the end");
  }
  // It goes on being filled.
  index.Note(kFirstFrame, MakeClaimWord(1, 3 * OffsetIndex::kInterval));
  index.Clear();
  Expect(index.FindDelta(5, end) == kFirstFrame, "an index remembers what it was to forget");
}

std::size_t MutateOffsetIndex(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                              Mutate mutate) {
  constexpr std::size_t kChoices = 6;
  size = mutate(buffer.data(), size, buffer.size());
  if (seed % 8 == 0 || size < kChoices) return size;
  std::string file(TextOf(buffer.subspan(kChoices, size - kChoices)));
  // How many slots there are follows from the size, as the hash from what they hold.
  if (file.size() >= 32) {
    const std::uint64_t slots = (file.size() - 32) / 8;
    std::memcpy(file.data() + 16, &slots, sizeof slots);
  }
  RepairIndexFile(&file);
  std::memcpy(buffer.data() + kChoices, file.data(), file.size());
  return size;
}

}  // namespace daybook::fuzz
