#include "segment/index/segment_facts.h"

#include <chrono>

#include "segment/partition_name.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

SegmentFacts FactsOf(Segment& segment) {
  SegmentFacts facts{.base_offset = segment.base_offset(),
                     .bytes = PositionOf(segment.CommittedEnd()),
                     .created = Timestamp(std::chrono::nanoseconds(segment.header().created))};
  if (const auto end = segment.sealed_end()) {
    facts.bytes = PositionOf(*end) + frame::kSealBytes;
    frame::FrameHeader seal;
    if (segment.ReadFrame(PositionOf(*end), &seal) == frame::FrameState::kValid) {
      facts.sealed = Timestamp(std::chrono::nanoseconds(seal.append_time));
    }
  }
  return facts;
}

absl::StatusOr<SegmentFacts> FactsOfDamaged(Directory& directory, Offset base_offset) {
  const auto file = directory.OpenFile(SegmentFileName(base_offset, ".log"), FileMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  return SegmentFacts{.base_offset = base_offset, .bytes = *size};
}

}  // namespace daybook::inline v1
