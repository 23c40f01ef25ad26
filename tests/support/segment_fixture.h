#ifndef DAYBOOK_SUPPORT_SEGMENT_FIXTURE_H_
#define DAYBOOK_SUPPORT_SEGMENT_FIXTURE_H_

#include <algorithm>
#include <memory>

#include "daybook/system/simulated_file_system.h"
#include "segment/segment.h"

namespace daybook {

// One segment on a simulated disk.
struct SegmentFixture {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  std::shared_ptr<Segment> segment = Segment::Create(*directory, PartitionName("t", 0),
                                                     {.base_offset = Offset(100),
                                                      .segment_id = 7,
                                                      .capacity = 64 << 10,
                                                      .max_frame_bytes = 16 << 10,
                                                      .created = Timestamp(),
                                                      .boot = disk.BootId()})
                                         .value();

  // Claims, fills and commits; false when the claim did not fit.
  bool Write(std::size_t value_bytes, Timestamp append_time = Timestamp(),
             std::optional<Timestamp> event_time = std::nullopt) {
    const frame::RecordParts parts{.key = {},
                                   .headers = {},
                                   .event_time = event_time,
                                   .value_bytes = value_bytes,
                                   .tombstone = false};
    const frame::RecordLayout layout = frame::LayoutOf(parts);
    const std::uint64_t bytes = frame::AlignedLength(layout.length);
    const ClaimWord before = segment->gate().Claim(bytes);
    if (!segment->gate().Fits(before, bytes)) {
      last_claim = before;
      last_bytes = bytes;
      return false;
    }
    std::byte* frame = segment->At(PositionOf(before));
    std::byte* value = frame::FillRecord(frame, layout, parts, append_time, RecordsOf(before));
    std::fill_n(value, value_bytes, std::byte{'x'});
    if (event_time) segment->times().NoteOwn();
    segment->Commit(frame, frame::LengthWord(frame::Kind::kRecord, layout.length), before);
    return true;
  }

  ClaimWord last_claim = 0;
  std::uint64_t last_bytes = 0;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_SEGMENT_FIXTURE_H_
