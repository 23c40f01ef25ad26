#include <algorithm>

#include "absl/strings/str_cat.h"
#include "log/read/damage.h"
#include "log/read/log_reader.h"

// What readers are told where they cannot read: which offsets that concerns, and where to go on.

namespace daybook::inline v1 {

absl::Status LogReader::DamageAt(const Cursor& cursor, std::string_view cause) {
  Segment& segment = *cursor.segment;
  const auto found = segment.FindNextFrame(
      {.position = cursor.position,
       .delta = static_cast<std::uint64_t>(cursor.offset - segment.base_offset())});
  DamagedRange range{.topic = segments_.name().topic(),
                     .partition = segments_.name().partition(),
                     .begin_offset = cursor.offset,
                     .end_offset = cursor.offset,
                     .may_hold_records = found.is_unknown() || found.may_have_passed_some};
  if (found) range.end_offset = segment.base_offset() + found->header.offset_delta;
  {
    MutexLock lock(segments_.mutex());
    const auto next = segments_.BaseAbove(segment.base_offset());
    // A forged frame may say that it is behind all.
    if (next.ok() && (!found || *next < range.end_offset)) {
      range.end_offset = std::max(cursor.offset, *next);
    }
  }
  std::string what =
      absl::StrCat(segments_.name().directory(), ": damage in ", segment.path(), " at position ",
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

absl::Status LogReader::DamageTo(Offset begin, const absl::Status& why) {
  if (!absl::IsDataLoss(why)) return why;
  const Offset end = std::max(begin, segments_.BaseAbove(begin).value_or(begin));
  return DamageError(
      {.topic = segments_.name().topic(),
       .partition = segments_.name().partition(),
       .begin_offset = begin,
       .end_offset = end},
      absl::StrCat(std::string(why.message()), ": offsets [", begin.value(), ", ", end.value(),
                   ") cannot be read; seek to ", end.value(), " to go on"));
}

absl::Status LogReader::MissingAt(Offset begin, Offset end) {
  return DamageError(
      {.topic = segments_.name().topic(),
       .partition = segments_.name().partition(),
       .begin_offset = begin,
       .end_offset = end},
      absl::StrCat(segments_.name().directory(), ": offsets [", begin.value(), ", ", end.value(),
                   ") are in no segment: a file is gone, cut, or was written by something else; "
                   "seek to ",
                   end.value(), " to go on"));
}

bool LogReader::IsDamagedSeal(const Cursor& cursor) {
  const Segment& segment = *cursor.segment;
  const auto found = frame::FindFrame(
      segment.Bytes(), {.position = cursor.position + frame::kFrameAlignment, .delta = 0});
  // What is behind all offsets of this segment holds nobody up: another seal, made at a recovery.
  if (found && segment.base_offset() + found->header.offset_delta < cursor.offset) return false;
  if (found && frame::KindOf(found->header.length_word) != frame::Kind::kSeal) return false;
  MutexLock lock(segments_.mutex());
  const std::size_t next = segments_.IndexAbove(segment.base_offset());
  return next != segments_.size() && segments_.SlotAt(next).base_offset == cursor.offset;
}

absl::StatusOr<Offset> LogReader::NextReadable(Offset damaged) {
  for (;;) {
    Cursor cursor{.offset = damaged, .segment = nullptr, .position = 0};
    const auto batch = Read(cursor, {.max_records = 1, .max_bytes = 0});
    if (batch.ok() && !batch->empty()) return batch->begin_offset();
    // Where it stands may be before the end: at a claim, or a transaction that is undecided.
    if (batch.ok()) return cursor.segment == nullptr ? segments_.end_offset() : cursor.offset;
    if (absl::IsOutOfRange(batch.status())) {
      const auto begin = segments_.begin_offset();
      if (begin.ok() && damaged < *begin) return begin;
    }
    const auto damage = DamageOf(batch.status());
    if (!damage) return batch.status();
    if (damage->end_offset <= damaged) {  // nothing follows
      return damage->may_hold_records ? batch.status() : segments_.end_offset();
    }
    damaged = damage->end_offset;  // what follows may be damaged, too
  }
}

}  // namespace daybook::inline v1
