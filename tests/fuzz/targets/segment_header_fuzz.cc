#include <algorithm>
#include <array>
#include <vector>

#include "format/segment_header.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"

// The header page of a segment. The input is what in it is not always zero, one after the other:
// header, two checkpoint slots, claim bound; and then the size of the file.

namespace daybook::fuzz {
namespace {

struct Part {
  std::uint64_t position;
  std::size_t size;
};
constexpr std::array<Part, 4> kParts = {{{0, sizeof(frame::SegmentHeader)},
                                         {frame::kCheckpointPositions[0], 64},
                                         {frame::kCheckpointPositions[1], 64},
                                         {frame::kClaimBoundPosition, 8}}};

using Page = std::array<std::byte, frame::kSegmentHeaderBytes>;

// The page, and what of the input is left behind it.
Input Spread(Input input, Page* page) {
  Choices choices(input);
  for (const Part& part : kParts) {
    const Input bytes = choices.Take(part.size);
    std::copy(bytes.begin(), bytes.end(),
              reinterpret_cast<std::uint8_t*>(page->data() + part.position));
  }
  return choices.rest();
}

void CheckCheckpoints(Page page, std::uint64_t id, std::uint64_t file_bytes) {
  frame::CheckpointSlot slot = frame::LatestCheckpoint(page, id, file_bytes);
  if (slot.sequence == 0) {
    slot.durable_position = slot.committed_position = frame::kSegmentHeaderBytes;
  }
  for (const std::uint64_t position : {slot.durable_position, slot.committed_position}) {
    Expect(position >= frame::kSegmentHeaderBytes &&
               (slot.sequence == 0 || position <= file_bytes) &&
               position % frame::kFrameAlignment == 0,
           "a checkpoint points out of the file");
  }
  frame::HasBadCheckpoint(page, id, file_bytes);
  // The next one is written over the older one and counts from then on; torn, it changes nothing.
  if (slot.sequence > ~std::uint64_t{0} - 2 || file_bytes < frame::kSegmentHeaderBytes) return;
  const frame::CheckpointSlot before = slot;
  slot.sequence += 1;
  slot.durable_offset = 77;
  frame::EncodeCheckpoint(slot, id, page);
  const auto latest = frame::LatestCheckpoint(page, id, file_bytes);
  Expect(latest.sequence == slot.sequence && latest.durable_offset == 77,
         "a checkpoint is not what was written");
  page[frame::kCheckpointPositions[slot.sequence % 2] + 8] ^= std::byte{1};
  const auto torn = frame::LatestCheckpoint(page, id, file_bytes);
  Expect(torn.sequence <= before.sequence, "a torn checkpoint counts");
  Expect(frame::HasBadCheckpoint(page, id, file_bytes), "a torn checkpoint is not seen");
}

}  // namespace

void FuzzSegmentHeader(Input input) {
  Page page{};
  Choices rest(Spread(input, &page));
  const std::uint64_t file_bytes = rest.Number(4);
  const auto header = frame::DecodeSegmentHeader(page);
  ExpectTyped(header.status());
  Expect(!frame::DecodeSegmentHeader(std::span(page).first(page.size() - 1)).ok(),
         "less than a page is no header");
  std::uint64_t id = 0;
  std::copy_n(page.data() + 16, sizeof id, reinterpret_cast<std::byte*>(&id));
  if (header.ok()) {
    Page again = page;
    frame::EncodeSegmentHeader(*header, again);
    Expect(again == page, "a header is written otherwise than it was read");
    Expect(header->base_offset >= 0 && header->max_frame_bytes <= frame::kMaxFrameBytes,
           "a header is out of its range");
  }
  CheckCheckpoints(page, id, file_bytes);
  const auto bound = frame::DecodeClaimBound(page, id);
  Expect(!bound || !frame::HasBadClaimBound(page, id), "a bound is good and bad");
  if (bound) {
    alignas(8) Page again = page;
    frame::EncodeClaimBound(*bound, id, again);
    Expect(again == page, "a bound is written otherwise than it was read");
  }
}

std::size_t MutateSegmentHeader(std::span<std::uint8_t> buffer, std::size_t size,
                                std::uint64_t seed, Mutate mutate) {
  size = mutate(buffer.data(), size, buffer.size());
  if (seed % 8 == 0) return size;
  alignas(8) Page page{};
  const Input rest = Spread(buffer.first(size), &page);
  RepairSegmentFile(page);
  std::size_t at = 0;
  for (const Part& part : kParts) {
    const std::size_t bytes = std::min(part.size, size - rest.size() - at);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(page.data() + part.position), bytes,
                buffer.begin() + static_cast<std::ptrdiff_t>(at));
    at += bytes;
  }
  return size;
}

}  // namespace daybook::fuzz
