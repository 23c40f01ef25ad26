#include "segment/index/segment_index.h"

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "io/atomic_replace.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

void SegmentIndex::Load(Segment& segment, Directory& directory) {
  if (is_loaded_.exchange(true, std::memory_order_relaxed)) return;
  const std::string name = SegmentFileName(segment.base_offset(), ".index");
  const auto encoded = ReadFile(directory, name, segment.header().capacity);
  if (!encoded.ok()) return;
  const std::size_t slots = OffsetIndex::FileBytes(*encoded);
  offsets_.Load(segment.header().segment_id, encoded->substr(0, slots)).IgnoreError();
  times_.Load(segment, std::string_view(*encoded).substr(slots)).IgnoreError();
}

void SegmentIndex::Save(Segment& segment, Directory& directory) {
  const std::string name = SegmentFileName(segment.base_offset(), ".index");
  auto file = directory.OpenFile(name, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    if (!directory.RemoveFile(name).ok()) return;
    file = directory.OpenFile(name, FileMode::kCreate);
  }
  if (!file.ok()) return;
  const std::string index =
      offsets_.Encode(segment.header().segment_id, *segment.sealed_end()) + times_.Encode(segment);
  if (!(*file)->WriteAt(0, std::as_bytes(std::span(index))).ok()) {
    directory.RemoveFile(name).IgnoreError();
  }
}

}  // namespace daybook::inline v1
