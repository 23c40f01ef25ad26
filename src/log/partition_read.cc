#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "log/damage.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

absl::Status PartitionLog::NoSuchOffset(Offset wanted) {
  const auto end = EndOffsetLocked();
  if (!end.ok()) return end.status();
  const Offset begin = segments_.empty() ? *end : segments_.front().base_offset;
  return absl::OutOfRangeError(absl::StrCat(name_.directory(), ": there is no offset ",
                                            wanted.value(), "; the partition has [", begin.value(),
                                            ", ", end->value(), "); seek to one of these"));
}

absl::Status PartitionLog::Refresh() {
  if (const auto status = EnsureOpen(); !status.ok()) return status;
  if (!context_.is_read_only) return absl::OkStatus();
  const std::uint64_t changes = follower_.changes();
  if (follower_.listed_changes == changes) return absl::OkStatus();
  const auto directory = OpenDirectory();
  if (!directory.ok()) return absl::OkStatus();  // nothing is there yet
  const auto status = ListSegments(**directory);
  if (status.ok()) follower_.listed_changes = changes;
  return status;
}

absl::Status PartitionLog::CheckRange(Offset wanted) {
  const auto end = EndOffsetLocked();
  if (!end.ok()) return end.status();
  const Offset begin = segments_.empty() ? *end : segments_.front().base_offset;
  return wanted < begin || wanted > *end ? NoSuchOffset(wanted) : absl::OkStatus();
}

std::size_t PartitionLog::SegmentAbove(Offset offset) const {
  const auto above = std::upper_bound(
      segments_.begin(), segments_.end(), offset,
      [](Offset wanted, const OpenSegment& open) { return wanted < open.base_offset; });
  return static_cast<std::size_t>(above - segments_.begin());
}

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::SegmentOf(Offset offset) {
  return OpenWithIndex(SegmentAbove(offset) - 1);
}

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::OpenWithIndex(std::size_t index) {
  auto segment = OpenAt(index);
  if (segment.ok() && !(*segment)->has_index() && (*segment)->sealed_end()) {
    if (const auto directory = OpenDirectory(); directory.ok()) {
      (*segment)->LoadIndex(**directory);
    }
  }
  return segment;
}

absl::Status PartitionLog::Place(Cursor& cursor) {
  std::shared_ptr<Segment> segment;
  follower_.Look();
  {
    MutexLock lock(mutex_);
    if (context_.is_read_only) cursor.seen_changes = follower_.changes();
    if (const auto status = Refresh(); !status.ok()) return status;
    if (const auto status = CheckRange(cursor.offset); !status.ok()) return status;
    if (segments_.empty()) return absl::OkStatus();
    auto opened = SegmentOf(cursor.offset);
    if (!opened.ok()) return DamageTo(cursor.offset, opened.status());
    segment = *std::move(opened);
  }
  // An offset behind the seal belongs to the next segment, which is not there yet.
  const std::int64_t delta = cursor.offset - segment->base_offset();
  cursor.looked_behind = 0;
  cursor.position = delta == 0 ? frame::kSegmentHeaderBytes
                               : segment->FindDelta(static_cast<std::uint64_t>(delta));
  cursor.segment = std::move(segment);
  return absl::OkStatus();
}

absl::StatusOr<bool> PartitionLog::NextSegment(Cursor& cursor) {
  if (context_.is_read_only) follower_.Look();
  MutexLock lock(mutex_);
  if (!deleted_.ok()) return deleted_;
  const Offset base = cursor.segment->base_offset();
  std::size_t next = SegmentAbove(base);
  if (context_.is_read_only && !segments_.empty() &&
      (next == segments_.size() || segments_[next].base_offset > cursor.offset)) {
    if (const auto status = Refresh(); !status.ok()) return status;
    next = SegmentAbove(base);
  }
  if (cursor.position == frame::kSegmentHeaderBytes && next != 0) {
    // The empty one may have been replaced by another one of this base.
    const auto again = OpenAt(next - 1);
    if (!again.ok()) return again.status();
    if (*again != cursor.segment && (*again)->base_offset() == base &&
        (*again)->sealed_end() != kFirstFrame) {
      --next;
    }
  }
  if (next == segments_.size()) return false;
  const Offset next_base = segments_[next].base_offset;
  if (next_base > cursor.offset) {
    // Before the first one they were dropped.
    return is_in_memory() || next == 0 ? NoSuchOffset(cursor.offset)
                                       : MissingAt(cursor.offset, next_base);
  }
  auto segment = OpenAt(next);
  // It never reached the disk, nor did what would be behind it.
  if (absl::IsOutOfRange(segment.status()) && SegmentAbove(next_base) == segments_.size() &&
      next_base == cursor.offset && FindSlot(base) != nullptr) {
    return false;
  }
  if (!segment.ok()) return DamageTo(next_base, segment.status());
  cursor.segment = *std::move(segment);
  cursor.looked_behind = 0;
  cursor.position = frame::kSegmentHeaderBytes;
  if (next_base < cursor.offset) {  // they overlap: nothing is read twice
    cursor.position =
        cursor.segment->FindDelta(static_cast<std::uint64_t>(cursor.offset - next_base));
  }
  return true;
}

absl::StatusOr<frame::FrameState> PartitionLog::Collect(Cursor& at, const ReadOptions& options,
                                                        const ReadBound& bound,
                                                        RecordBatch::Source* source) {
  Segment& segment = *at.segment;
  const Offset base = segment.base_offset();
  const Offset wanted = at.offset;
  std::uint64_t begin = at.position;
  const std::size_t max_records = std::max<std::size_t>(options.max_records, 1);
  std::uint64_t end = begin;
  std::uint64_t unpacked_bytes = 0;
  std::shared_ptr<std::vector<std::shared_ptr<const std::string>>> unpacked;
  frame::FrameHeader header{};
  frame::FrameState state;
  for (;;) {
    // Mostly there is nothing but records.
    Segment::Place place{.position = end, .delta = static_cast<std::uint64_t>(at.offset - base)};
    const std::uint64_t bytes_left =
        options.max_bytes - std::min<std::uint64_t>(options.max_bytes, unpacked_bytes);
    // One offset each: where the index and the checkpoint mislead, the bound on bytes is none.
    const std::int64_t offsets_left = std::max<std::int64_t>(bound.offset - at.offset, 0);
    const std::size_t passed = segment.PassPlainRecords(
        &place, std::min<std::size_t>(max_records - source->records, offsets_left),
        std::min(begin + std::min(bytes_left, segment.header().capacity), bound.position));
    if (passed != 0) {
      if (source->records == 0) source->begin_offset = base + segment.DeltaAt(end);
      source->records += passed;
      end = place.position;
      at.position = end;
      at.offset = base + place.delta;
    }
    state = segment.Look(end, &header);
    if (state == frame::FrameState::kNothing && source->records == 0) {
      // A claim that a dead process left open, and that was passed before.
      if (const auto behind = segment.BehindDeadClaims(end)) {
        begin = end = at.position = PositionOf(*behind);
        at.offset = std::max(at.offset, base + RecordsOf(*behind));
        if (at.offset >= bound.offset) break;
        continue;
      }
    }
    if (state != frame::FrameState::kValid ||
        frame::KindOf(header.length_word) == frame::Kind::kSeal) {
      break;
    }
    const std::uint64_t next = end + frame::AlignedLength(frame::LengthOf(header.length_word));
    const Offset offset = base + header.offset_delta;
    if (offset >= bound.offset) break;
    const Offset frame_end = offset + frame::OffsetCount(header);
    // Offsets never go back: a frame that says so is no better than one with a wrong checksum.
    if (frame_end != offset &&
        (frame_end <= at.offset || (source->records != 0 && offset < at.offset))) {
      state = frame::FrameState::kBad;
      break;
    }
    // Nor do they leave one out.
    if (offset > at.offset) {
      if (source->records != 0) break;  // these first
      return MissingAt(at.offset, offset);
    }
    if (frame::KindOf(header.length_word) == frame::Kind::kTransactional) {
      using Decision = TransactionTable::Decision;
      const Decision decision = DecisionOf(segment.At(end));
      if (decision == Decision::kUndecided) {
        state = frame::FrameState::kNothing;
        break;
      }
      if (decision == Decision::kAborted) {
        // Who iterates over the batch knows nothing of transactions: it must not lie within.
        if (source->records != 0) break;
        begin = end = at.position = next;
        at.offset = frame_end;
        continue;
      }
    }
    Offset next_offset = frame_end;
    if (frame::KindOf(header.length_word) != frame::Kind::kPadding && frame_end > wanted) {
      if (source->records == max_records) break;
      if (source->records != 0 && next - begin + unpacked_bytes > options.max_bytes) break;
      const Offset from = std::max(offset, wanted);
      if (frame::HoldsEntries(frame::KindOf(header.length_word))) {
        const auto room = static_cast<std::int64_t>(
            std::min<std::size_t>(max_records - source->records, frame::kMaxBatchRecords));
        next_offset = std::min({frame_end, from + room, bound.offset});
        const bool is_part = from != offset || next_offset != frame_end;
        auto entries = EntriesOf(at, end, header, is_part);
        if (!entries.ok() && source->records != 0) {  // these first
          next_offset = at.offset;
          break;
        }
        if (!entries.ok()) return DamageAt(at, std::string(entries.status().message()));
        if (*entries != nullptr) {
          if (unpacked == nullptr) unpacked = std::make_shared<decltype(unpacked)::element_type>();
          unpacked_bytes += (*entries)->size();
          unpacked->push_back(*std::move(entries));
        }
        if (is_part) source->pin = at.batch;
        if (from != offset) {
          const auto entry = static_cast<std::uint32_t>(from - offset);
          source->first_entry = at.batch->PlaceOf(entry);
          counters_.entries_passed += entry % OpenBatch::kInterval;
        }
      }
      if (source->records == 0) source->begin_offset = from;
      source->records += static_cast<std::size_t>(next_offset - from);
    }
    at.offset = next_offset;
    end = next;
    if (next_offset != frame_end) break;  // a batch that is read in part: stay there
    at.position = end;
  }
  source->unpacked = std::move(unpacked);
  source->base_offset = base;
  source->begin = segment.At(begin);
  source->end = segment.At(end);
  source->next_offset = std::min(at.offset, bound.offset);  // padding may reach beyond it
  return state;
}

absl::StatusOr<std::shared_ptr<const std::string>> PartitionLog::EntriesOf(
    Cursor& at, std::uint64_t position, const frame::FrameHeader& header, bool is_part) {
  const Segment& segment = *at.segment;
  if (at.batch == nullptr || !at.batch->Is(segment, position)) {
    std::shared_ptr<const OpenBatch> last;
    if (is_part) last = last_batch_.Get();
    if (last != nullptr && last->Is(segment, position)) {
      at.batch = std::move(last);
    } else {
      std::shared_ptr<const std::string> unpacked;
      if (header.attributes & frame::kBatchCompressed) {
        auto entries = Unpack(segment, position, header);
        if (!entries.ok() || !is_part) return entries;
        unpacked = *std::move(entries);
      }
      if (!is_part) return unpacked;
      at.batch = std::make_shared<const OpenBatch>(at.segment, position, header, unpacked);
      counters_.entries_passed += frame::OffsetCount(header);
      last_batch_.Set(at.batch);
    }
  }
  return at.batch->unpacked();
}

RecordBatch::Source PartitionLog::EmptySource(std::shared_ptr<Segment> segment) const {
  return {.pin = std::move(segment),
          .unpacked = nullptr,
          .topic = name_.topic(),
          .partition = name_.partition(),
          .base_offset = Offset(),
          .begin_offset = Offset(),
          .next_offset = Offset()};
}

absl::StatusOr<RecordBatch> PartitionLog::ReadFollowed(Cursor& cursor, const ReadOptions& options) {
  const std::shared_ptr<Segment> before = cursor.segment;
  auto batch = ReadNow(cursor, options);
  const bool has_looked_at_files = !batch.ok() || cursor.segment != before;
  return has_looked_at_files ? UnlessDeleted(std::move(batch)) : std::move(batch);
}

absl::StatusOr<RecordBatch> PartitionLog::ReadNow(Cursor& cursor, const ReadOptions& options) {
  if (is_deleted_.load(std::memory_order_relaxed)) {
    MutexLock lock(mutex_);
    return deleted_;
  }
  if (cursor.segment == nullptr) {
    if (const auto status = Place(cursor); !status.ok()) return status;
    if (cursor.segment == nullptr) return RecordBatch();  // nothing was ever appended
  }
  // Of a follower: where it has looked again, and for what. Where there was nothing, there can be a
  // frame meanwhile whose rest lies in blocks that are newer than that look.
  std::shared_ptr<Segment> looked_in;
  std::pair<std::uint64_t, frame::FrameState> looked_at;
  for (;;) {
    if (cursor.segment == nullptr) return RecordBatch();
    Segment& segment = *cursor.segment;
    RecordBatch::Source source = EmptySource(cursor.segment);
    const auto collected = Collect(cursor, options, {}, &source);
    if (cursor.batch != nullptr && cursor.batch->position() != cursor.position) {
      cursor.batch = nullptr;  // all of it was read
    }
    if (!collected.ok()) return collected.status();
    if (source.records != 0) return RecordBatch(std::move(source));
    const frame::FrameState state = *collected;
    if (state == frame::FrameState::kValid) {  // a seal
      const auto moved = NextSegment(cursor);
      if (!moved.ok()) return moved.status();
      if (*moved) continue;
    }
    const auto here = std::pair(cursor.position, state);
    if (context_.is_read_only && (looked_in != cursor.segment || looked_at != here)) {
      looked_in = cursor.segment;
      looked_at = here;
      const auto again = LookAgain(cursor, state);
      if (!again.ok()) return again.status();
      if (*again) continue;
    }
    if (state == frame::FrameState::kValid) {
      // The offsets go on to the seal, whether there are frames for them or not.
      const auto end = segment.sealed_end();
      if (end && segment.base_offset() + RecordsOf(*end) > cursor.offset) {
        return MissingAt(cursor.offset, segment.base_offset() + RecordsOf(*end));
      }
    }
    if (state == frame::FrameState::kBad) {
      const auto delta = static_cast<std::uint64_t>(cursor.offset - segment.base_offset());
      const auto behind = segment.FindBehind({.position = cursor.position, .delta = delta});
      if (behind && (behind->header.offset_delta == delta ||  // no offset is gone with it
                     IsPlanted(PlantedBug::kSkipsDamage))) {
        cursor.position = behind->position;
        cursor.offset = segment.base_offset() + behind->header.offset_delta;
        continue;
      }
      if (!IsDamagedSeal(cursor)) return DamageAt(cursor);
      const auto moved = NextSegment(cursor);
      if (!moved.ok()) return moved.status();
      continue;
    }
    if (state == frame::FrameState::kNothing && PassDeadClaims(segment, cursor.position)) continue;
    // Of a power cut that nobody has recovered from yet, the rest of a segment may be missing. What
    // an undecided transaction has written is not.
    if (context_.is_read_only && state == frame::FrameState::kNothing &&
        !DecisionAt(segment, cursor.position) && HasPassed(segment)) {
      return DamageAt(cursor);
    }
    return RecordBatch();
  }
}

bool PartitionLog::HasMore(Cursor& cursor) {
  if (is_deleted_.load(std::memory_order_relaxed)) return true;  // Read says why
  if (follower_.has_directory_follower()) {
    if (follower_.is_told() && cursor.seen_changes != follower_.changes()) return true;
    if (cursor.segment == nullptr) return false;
  }
  if (cursor.segment == nullptr) {
    const auto end = end_offset();
    return !end.ok() || *end != cursor.offset;
  }
  Segment& segment = *cursor.segment;
  if (!segment.Reaches(cursor.position)) {
    // Of its growth nobody tells: a frame in new blocks can end where the old ones did.
    const auto directory = context_.is_read_only ? OpenDirectory() : absl::NotFoundError("");
    if (!directory.ok() || !segment.Refresh(**directory).ok()) return false;
    if (!segment.Reaches(cursor.position)) return false;
  }
  const std::uint32_t length_word = frame::AcquireLengthWord(segment.At(cursor.position));
  if (length_word == 0) {
    if (segment.IsHole(cursor.position)) return true;
    if (!context_.is_read_only) return false;
    // A claim is open: its process may have died meanwhile, and another one not come here yet.
    // Where no claim is marked there may be one all the same, and zeros that are looked through
    // once: of what changes there, and of the death of its process, a follower is told.
    const bool is_marked = frame::AcquireFrameWord(segment.At(cursor.position)) != 0;
    const bool was_looked_at =
        std::exchange(cursor.looked_behind, cursor.position) == cursor.position;
    // Who is told of changes has asked that already.
    return (!follower_.is_told() && HasPassed(segment)) ||
           ((is_marked || !was_looked_at || segment.BehindDeadClaims(cursor.position)) &&
            PassDeadClaims(segment, cursor.position));
  }
  if (frame::KindOf(length_word) == frame::Kind::kTransactional) {
    return DecisionAt(segment, cursor.position) != TransactionTable::Decision::kUndecided;
  }
  if (frame::KindOf(length_word) != frame::Kind::kSeal) return true;
  MutexLock lock(mutex_);
  // What is new may have been told while another place was looked at.
  if (follower_.is_told() && follower_.listed_changes != follower_.changes()) return true;
  if (segments_.empty()) return false;
  const OpenSegment& last = segments_.back();
  if (last.base_offset > segment.base_offset()) return true;
  // Who is told of changes would have been told of another one in its place.
  return !follower_.has_directory_follower() &&
         (last.base_offset == segment.base_offset() && last.segment.get() != &segment);
}

absl::StatusOr<Offset> PartitionLog::BaseAbove(Offset offset) {
  const std::size_t next = SegmentAbove(offset);
  return next == segments_.size() ? EndOffsetLocked() : segments_[next].base_offset;
}

absl::StatusOr<Offset> PartitionLog::NextReadable(Offset damaged) {
  for (;;) {
    Cursor cursor{.offset = damaged, .segment = nullptr, .position = 0};
    const auto batch = Read(cursor, {.max_records = 1, .max_bytes = 0});
    if (batch.ok() && !batch->empty()) return batch->begin_offset();
    // Where it stands may be before the end: at a claim, or a transaction that is undecided.
    if (batch.ok()) return cursor.segment == nullptr ? end_offset() : cursor.offset;
    if (absl::IsOutOfRange(batch.status())) {
      const auto begin = begin_offset();
      if (begin.ok() && damaged < *begin) return begin;
    }
    const auto damage = DamageOf(batch.status());
    if (!damage) return batch.status();
    if (damage->end_offset <= damaged) {  // nothing follows
      return damage->may_hold_records ? batch.status() : end_offset();
    }
    damaged = damage->end_offset;  // what follows may be damaged, too
  }
}

}  // namespace daybook::inline v1
