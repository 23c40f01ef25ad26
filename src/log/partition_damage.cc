#include <algorithm>

#include "absl/strings/str_cat.h"
#include "log/damage.h"
#include "log/partition_log.h"

// What readers are told where they cannot read: which offsets that concerns, and where to go on.

namespace daybook::inline v1 {

absl::Status PartitionLog::DamageAt(const Cursor& cursor, std::string_view cause) {
  Segment& segment = *cursor.segment;
  const auto found = segment.FindBehind(
      {.position = cursor.position,
       .delta = static_cast<std::uint64_t>(cursor.offset - segment.base_offset())});
  DamagedRange range{.topic = name_.topic(),
                     .partition = name_.partition(),
                     .begin_offset = cursor.offset,
                     .end_offset = cursor.offset,
                     .may_hold_records = found.is_unknown() || found.may_have_passed_some};
  if (found) range.end_offset = segment.base_offset() + found->header.offset_delta;
  {
    MutexLock lock(mutex_);
    const auto next = BaseAbove(segment.base_offset());
    // A forged frame may say that it is behind all.
    if (next.ok() && (!found || *next < range.end_offset)) {
      range.end_offset = std::max(cursor.offset, *next);
    }
  }
  std::string what =
      absl::StrCat(name_.directory(), ": damage in ", segment.path(), " at position ",
                   cursor.position, ": offsets [", range.begin_offset.value(), ", ");
  if (range.end_offset > range.begin_offset) {
    absl::StrAppend(&what, range.end_offset.value(), ") cannot be read; seek to ",
                    range.end_offset.value(), " to go on");
  } else if (range.may_hold_records) {
    absl::StrAppend(&what, "end) cannot be read");
  } else {
    absl::StrAppend(&what, "end) cannot be read, and nothing follows yet");
  }
  if (range.may_hold_records) {
    absl::StrAppend(&what,
                    "; whether records in between are whole could not be decided: repair the "
                    "directory (Repair, or `daybook repair`)");
  }
  if (!cause.empty()) absl::StrAppend(&what, ": ", std::string(cause));
  return DamageError(range, what);
}

absl::Status PartitionLog::DamageTo(Offset begin, const absl::Status& why) {
  if (!absl::IsDataLoss(why)) return why;
  const Offset end = std::max(begin, BaseAbove(begin).value_or(begin));
  return DamageError(
      {.topic = name_.topic(),
       .partition = name_.partition(),
       .begin_offset = begin,
       .end_offset = end},
      absl::StrCat(std::string(why.message()), ": offsets [", begin.value(), ", ", end.value(),
                   ") cannot be read; seek to ", end.value(), " to go on"));
}

absl::Status PartitionLog::MissingAt(Offset begin, Offset end) {
  return DamageError(
      {.topic = name_.topic(),
       .partition = name_.partition(),
       .begin_offset = begin,
       .end_offset = end},
      absl::StrCat(name_.directory(), ": offsets [", begin.value(), ", ", end.value(),
                   ") are in no segment: a file is gone, cut, or was written by something else; "
                   "seek to ",
                   end.value(), " to go on"));
}

bool PartitionLog::IsDamagedEnd(const OpenSegment& slot, ClaimWord end) {
  if (slot.was_active) return false;
  // In what an earlier process wrote nobody claims any more; in what another one writes, in this
  // boot, somebody may, and may have gone on in new blocks.
  if (!context_.is_read_only) return true;
  Segment& segment = *slot.segment;
  // Nor before the next one, once it is noted how far this one was committed, whatever is left.
  const std::size_t next = SegmentAbove(slot.base_offset);
  if (slot.base_offset + RecordsOf(end) >= segments_[next].base_offset) return true;
  if (!segment.IsOfBoot(context_.boot)) return true;
  frame::FrameHeader header;
  if (segment.Look(PositionOf(end), &header) != frame::FrameState::kBad) return false;
  const auto directory = OpenDirectory();
  return directory.ok() && segment.Refresh(**directory).ok() &&
         segment.Look(PositionOf(end), &header) == frame::FrameState::kBad;
}

bool PartitionLog::HasPassed(const Segment& segment) {
  MutexLock lock(mutex_);
  // Who appends to it has noted in it that this is the boot.
  return !segments_.empty() && segments_.back().base_offset > segment.base_offset() &&
         !segment.IsOfBoot(context_.boot);
}

bool PartitionLog::IsDamagedSeal(const Cursor& cursor) {
  const Segment& segment = *cursor.segment;
  const auto found = frame::FindFrame(
      segment.Bytes(), {.position = cursor.position + frame::kFrameAlignment, .delta = 0});
  // What is behind all offsets of this segment holds nobody up: another seal, made at a recovery.
  if (found && segment.base_offset() + found->header.offset_delta < cursor.offset) return false;
  if (found && frame::KindOf(found->header.length_word) != frame::Kind::kSeal) return false;
  MutexLock lock(mutex_);
  const std::size_t next = SegmentAbove(segment.base_offset());
  return next != segments_.size() && segments_[next].base_offset == cursor.offset;
}

}  // namespace daybook::inline v1
