#include <algorithm>
#include <cstring>
#include <vector>

#include "format/batch_codec.h"
#include "format/compression.h"
#include "format/scan.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/repair.h"
#include "fuzz/segment_input.h"

// The frames of a segment, from any bytes: the walk ends, stays inside, and finds the same frames
// from wherever it begins; and every record of every valid frame can be decoded.

namespace daybook::fuzz {
namespace {

constexpr std::uint64_t kMaxUnpacked = 1 << 20;

struct Seen {
  std::uint64_t position;
  frame::FrameHeader header;
};

std::uint64_t EndOf(const Seen& frame) {
  return frame.position + frame::AlignedLength(frame::LengthOf(frame.header.length_word));
}

void CheckWalk(const frame::SegmentBytes& segment, const frame::ScanResult& scan,
               const std::vector<Seen>& frames) {
  std::uint64_t position = kSegmentHeaderBytes;
  std::uint64_t delta = 0;
  std::int64_t records = 0;
  std::size_t gap = 0;
  for (const Seen& seen : frames) {
    if (seen.position != position || seen.header.offset_delta > delta) {
      Expect(gap < scan.gaps.size(), "a walk passed over bytes or offsets without a gap");
      Expect(scan.gaps[gap].begin_position == position, "a gap begins behind its bytes");
      Expect(scan.gaps[gap].end_position == seen.position, "a gap does not end at a frame");
      ++gap;
    }
    Expect(seen.position % frame::kFrameAlignment == 0, "a frame is not aligned");
    Expect(EndOf(seen) <= segment.bytes.size(), "a frame passes the end");
    Expect(seen.header.offset_delta >= delta, "offsets go back");
    frame::FrameHeader again;
    Expect(frame::Inspect(segment, seen.position, &again) == frame::FrameState::kValid,
           "a frame of a walk is not valid");
    position = EndOf(seen);
    delta = std::uint64_t{seen.header.offset_delta} + frame::OffsetCount(seen.header);
    if (frame::KindOf(seen.header.length_word) != frame::Kind::kPadding) {
      records += frame::OffsetCount(seen.header);
    }
  }
  Expect(gap == scan.gaps.size(), "a gap has no frame behind it");
  Expect(scan.frames == static_cast<std::int64_t>(frames.size()), "frames are miscounted");
  Expect(scan.records == records, "records are miscounted");
  Expect(scan.end_position == position && scan.end_delta == delta, "the end is elsewhere");
  Expect(scan.tail_bytes <= segment.bytes.size() - position, "the tail passes the end");
}

// From the frame in the middle everything is as it was from the first one on.
void CheckFromTheMiddle(const frame::SegmentBytes& segment, const frame::ScanResult& scan,
                        const std::vector<Seen>& frames) {
  const std::size_t middle = frames.size() / 2;
  if (middle == 0) return;
  const frame::ScanFrom from{.position = frames[middle].position,
                             .delta = frames[middle].header.offset_delta};
  const auto found = frame::FindFrame(segment, from);
  Expect(found && found->position == from.position, "a frame is not found at its own place");
  const frame::ScanResult rest = frame::Scan(segment, from);
  // Of frames that contradict each other, which no writer makes, those are believed that were found
  // first, and what a walk has found ahead counts for the rest of it.
  const bool has_gap_behind =
      std::any_of(scan.gaps.begin(), scan.gaps.end(), [&](const frame::Gap& gap) {
        return gap.bytes() != 0 && gap.begin_position >= from.position;
      });
  if (has_gap_behind) return;
  Expect(rest.end_position == scan.end_position && rest.end_delta == scan.end_delta &&
             rest.frames == static_cast<std::int64_t>(frames.size() - middle),
         "a walk from the middle ends elsewhere");
}

void CheckRecords(const frame::SegmentBytes& segment, const Seen& seen) {
  const std::uint32_t word = seen.header.length_word;
  const std::uint32_t count = frame::OffsetCount(seen.header);
  if (frame::KindOf(word) == frame::Kind::kPadding || count == 0) return;
  const std::byte* const begin = segment.bytes.data() + seen.position;
  std::vector<std::shared_ptr<const std::string>> unpacked;
  if (frame::HoldsEntries(frame::KindOf(word)) &&
      (seen.header.attributes & frame::kBatchCompressed)) {
    const std::uint32_t before = frame::BytesBeforeEntries(seen.header);
    Compressor compressor;
    const auto entries = compressor.Decompress({begin + before, frame::LengthOf(word) - before},
                                               nullptr, kMaxUnpacked);
    if (!entries.ok()) return ExpectTyped(entries.status());
    Expect(entries->size() <= kMaxUnpacked, "more was unpacked than is allowed");
    if (!frame::EntriesAreWellFormed(std::as_bytes(std::span(*entries)), count)) return;
    unpacked.push_back(std::make_shared<const std::string>(*entries));
  }
  ReadAll(RecordBatch({.pin = nullptr,
                       .unpacked = std::make_shared<const decltype(unpacked)>(unpacked),
                       .topic = "t",
                       .partition = 0,
                       .base_offset = kBase,
                       .begin = begin,
                       .end = segment.bytes.data() + EndOf(seen),
                       .records = count,
                       .begin_offset = kBase + seen.header.offset_delta,
                       .next_offset = kBase + (std::int64_t{seen.header.offset_delta} + count)}),
          count);
}

}  // namespace

void FuzzSegment(Input input) {
  std::vector<std::byte> bytes = SegmentOf(input);
  const frame::SegmentBytes segment{
      .bytes = bytes, .segment_id = kSegmentId, .max_frame_bytes = 1 << 20};
  std::vector<Seen> frames;
  const frame::ScanResult scan =
      frame::Scan(segment, {}, [&](std::uint64_t position, const frame::FrameHeader& header) {
        frames.push_back({position, header});
      });
  CheckWalk(segment, scan, frames);
  CheckFromTheMiddle(segment, scan, frames);
  for (const Seen& seen : frames) CheckRecords(segment, seen);
}

std::size_t MutateSegment(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed,
                          Mutate mutate) {
  size = mutate(buffer.data(), size, buffer.size());
  if (seed % 8 == 0) return size;  // wrong checksums have to be seen, too
  std::vector<std::byte> bytes = SegmentOf(buffer.first(size));
  RepairFrames(bytes, kSegmentId);
  if (size != 0) std::memcpy(buffer.data(), bytes.data() + kSegmentHeaderBytes, size);
  return size;
}

}  // namespace daybook::fuzz
