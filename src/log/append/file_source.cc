#include "log/append/file_source.h"

#include <algorithm>
#include <new>

#include "base/no_memory.h"

namespace daybook::inline v1 {
namespace {

// See SegmentSettings.
Offset SettledBefore(SegmentStore& segments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments.mutex()) {
  segments.PassCommitted().IgnoreError();  // a writer has open what it wrote
  if (segments.empty()) return Offset(0);
  std::size_t settled = 0;
  while (settled != segments.first_uncommitted() && !segments.SlotAt(settled).is_unsettled)
    ++settled;
  return segments.SlotAt(settled).base_offset;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Segment>> FileSource::Create(SegmentStore& segments,
                                                            Offset base_offset,
                                                            std::uint64_t bytes) {
  const auto directory = segments.directory().OpenOrCreate();
  if (!directory.ok()) return directory.status();
  SegmentSettings settings{.base_offset = base_offset,
                           .segment_id = context_.new_segment_id(),
                           .leader_epoch = segments.leader_epoch(),
                           .capacity = settings_.segment_bytes,
                           .max_frame_bytes = settings_.max_frame_bytes(),
                           .created = context_.clock->Now(),
                           .boot = context_.boot,
                           .settled_before = SettledBefore(segments),
                           .first_bytes = std::max(bytes, settings_.reserve_bytes),
                           .page_in = settings_.durability != Durability::kDisk,
                           .steps = context_.steps};
  auto prepared = preparer_.TakePrepared(segments);
  auto created = prepared
                     ? Segment::Create(**directory, segments.name(), settings, std::move(*prepared))
                     : Segment::Create(**directory, segments.name(), settings);
  if (!prepared && absl::IsResourceExhausted(created.status()) && settings.first_bytes > bytes) {
    settings.first_bytes = bytes;  // and no reserve
    created = Segment::Create(**directory, segments.name(), settings);
  }
  if (absl::IsResourceExhausted(created.status())) listener_.DiskIsFull();
  if (created.ok()) segments.CloseFileIfScarce(**created);  // until more is appended than a little
  return created;
}

absl::Status FileSource::Extend(SegmentStore& segments, Segment& segment, std::uint64_t position) {
  // An exception would leave the claim open for ever.
  try {
    return ExtendFile(segments, segment, position);
  } catch (const std::bad_alloc&) {
    return NoMemoryLeft();
  }
}

absl::Status FileSource::ExtendFile(SegmentStore& segments, Segment& segment,
                                    std::uint64_t position) {
  const auto directory = segments.directory().Open();
  const absl::Status file =
      directory.ok() ? segment.file().Opened(**directory).status() : directory.status();
  const bool is_rate_high = preparer_.NoteExtension(segments, context_.clock->Now());
  absl::Status extended = segment.Extend(position, is_rate_high);
  segments.CloseFileIfScarce(segment);
  if (segment.file().is_filling()) listener_.NeedsWorkAhead();
  if (absl::IsResourceExhausted(extended)) listener_.DiskIsFull();
  return extended.ok() || file.ok() ? extended : file;
}

void FileSource::Sealed(SegmentStore& segments, const std::shared_ptr<Segment>& segment) {
  try {
    if (segment->file().is_busy() && context_.background.request_work_ahead) {
      preparer_.TrimLater(segments, segment);
      listener_.NeedsWorkAhead();
    } else {
      preparer_.Trim(*segment);
    }
  } catch (const std::bad_alloc&) {
    // It has been sealed, and is trimmed when it is opened again; the append goes on.
  }
}

}  // namespace daybook::inline v1
