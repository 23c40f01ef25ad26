#include "log/read/log_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "format/batch_codec.h"
#include "log/read/damage.h"
#include "segment/index/segment_search.h"

namespace daybook::inline v1 {

absl::Status LogReader::Place(Cursor& cursor, Offset start) {
  std::shared_ptr<Segment> segment;
  segments_.Look();
  {
    MutexLock lock(segments_.mutex());
    cursor.seen_changes = segments_.changes();
    if (const auto status = segments_.Refresh(); !status.ok()) return status;
    if (const auto status = segments_.CheckRange(cursor.offset, start); !status.ok()) {
      return status;
    }
    if (segments_.empty()) return absl::OkStatus();
    auto opened = segments_.SegmentOf(cursor.offset);
    if (!opened.ok()) return DamageTo(cursor.offset, opened.status());
    segment = *std::move(opened);
  }
  // An offset behind the seal belongs to the next segment, which is not there yet.
  const std::int64_t delta = cursor.offset - segment->base_offset();
  cursor.looked_behind = 0;
  cursor.position = delta == 0 ? frame::kSegmentHeaderBytes
                               : FindDelta(*segment, static_cast<std::uint64_t>(delta));
  cursor.segment = std::move(segment);
  return absl::OkStatus();
}

absl::StatusOr<bool> LogReader::GoToReplacement(Cursor& cursor) {
  auto segment = segments_.SegmentOf(cursor.offset);
  if (absl::IsOutOfRange(segment.status()) || absl::IsDataLoss(segment.status())) return false;
  if (!segment.ok()) return segment.status();
  if (*segment == cursor.segment) return false;
  const auto delta = static_cast<std::uint64_t>(cursor.offset - (*segment)->base_offset());
  const auto end = (*segment)->sealed_end();
  if (!end || RecordsOf(*end) <= delta) return false;
  cursor.looked_behind = 0;
  cursor.position = FindDelta(**segment, delta);
  cursor.segment = *std::move(segment);
  return true;
}

absl::StatusOr<bool> LogReader::NextSegment(Cursor& cursor) {
  segments_.Look();
  MutexLock lock(segments_.mutex());
  if (!segments_.deletion().ok()) return segments_.deletion();
  const Offset base = cursor.segment->base_offset();
  if (const auto status = segments_.RefreshBehind(cursor); !status.ok()) return status;
  std::size_t next = segments_.IndexAbove(base);
  if (cursor.position == frame::kSegmentHeaderBytes && next != 0) {
    // The empty one may have been replaced by another one of this base.
    const auto again = segments_.OpenAt(next - 1);
    if (!again.ok()) return again.status();
    if (*again != cursor.segment && (*again)->base_offset() == base &&
        (*again)->sealed_end() != kFirstFrame) {
      --next;
    }
  }
  if (next == segments_.size()) return false;
  const Offset next_base = segments_.SlotAt(next).base_offset;
  if (next_base > cursor.offset) {
    if (const auto moved = GoToReplacement(cursor); !moved.ok() || *moved) return moved;
    // Before the first one they were dropped.
    return !segments_.has_files() || next == 0 ? segments_.NoSuchOffset(cursor.offset)
                                               : MissingAt(cursor.offset, next_base);
  }
  auto segment = segments_.OpenAt(next);
  // It never reached the disk, nor did what would be behind it.
  if (absl::IsOutOfRange(segment.status()) && segments_.IndexAbove(next_base) == segments_.size() &&
      next_base == cursor.offset && segments_.Find(base) != nullptr) {
    return false;
  }
  if (absl::IsOutOfRange(segment.status())) {
    if (const auto moved = GoToReplacement(cursor); !moved.ok() || *moved) return moved;
  }
  if (!segment.ok()) return DamageTo(next_base, segment.status());
  cursor.segment = *std::move(segment);
  cursor.looked_behind = 0;
  cursor.position = frame::kSegmentHeaderBytes;
  if (next_base < cursor.offset) {  // they overlap: nothing is read twice
    cursor.position =
        FindDelta(*cursor.segment, static_cast<std::uint64_t>(cursor.offset - next_base));
  }
  return true;
}

absl::StatusOr<frame::FrameState> LogReader::Collect(Cursor& at, const ReadOptions& options,
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
    const std::size_t passed = segment.VerifyPlainRun(
        &place, std::min<std::size_t>(max_records - source->records, offsets_left),
        std::min(begin + std::min(bytes_left, segment.header().capacity), bound.position));
    if (passed != 0) {
      if (source->records == 0) source->begin_offset = at.offset;
      source->records += passed;
      end = place.position;
      at.position = end;
      at.offset = base + place.delta;
    }
    state = segment.ReadFrame(end, &header);
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
      const Decision decision = transactions_.Of(segment.At(end));
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

absl::StatusOr<std::shared_ptr<const std::string>> LogReader::Unpack(
    const Segment& segment, std::uint64_t position, const frame::FrameHeader& header) {
  const std::uint32_t before = frame::BytesBeforeEntries(header);
  const std::span<const std::byte> packed(segment.At(position) + before,
                                          frame::LengthOf(header.length_word) - before);
  counters_.batches_unpacked.fetch_add(1, std::memory_order_relaxed);
  auto entries = compressor_.Unpack(packed, frame::DictionaryOf(header.attributes),
                                    segment.header().max_frame_bytes);
  if (!entries.ok()) return entries.status();
  if (!frame::EntriesAreWellFormed(std::as_bytes(std::span(*entries)),
                                   frame::OffsetCount(header))) {
    return absl::DataLossError("its entries are damaged");
  }
  return std::make_shared<const std::string>(*std::move(entries));
}

absl::StatusOr<std::shared_ptr<const std::string>> LogReader::EntriesOf(
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

RecordBatch::Source LogReader::EmptySource(std::shared_ptr<Segment> segment) const {
  return {.pin = std::move(segment),
          .unpacked = nullptr,
          .topic = segments_.name().topic(),
          .partition = segments_.name().partition(),
          .base_offset = Offset(),
          .begin_offset = Offset(),
          .next_offset = Offset()};
}

absl::StatusOr<RecordBatch> LogReader::ReadNow(Cursor& cursor, const ReadOptions& options,
                                               bool* looked_at_files) {
  if (segments_.is_deleted()) {
    MutexLock lock(segments_.mutex());
    return segments_.deletion();
  }
  if (cursor.offset < segments_.bounds().start()) [[unlikely]] {
    MutexLock lock(segments_.mutex());
    return segments_.NoSuchOffset(cursor.offset);
  }
  const ReadBound bound{.offset = segments_.bounds().visible_end()};
  // Of a follower: where it has looked again, and for what. Where there was nothing, there can be a
  // frame meanwhile whose rest lies in blocks that are newer than that look.
  const Segment* looked_in = nullptr;  // one in its place is looked at when it is opened
  std::pair<std::uint64_t, frame::FrameState> looked_at;
  for (;;) {
    if (cursor.segment == nullptr) {
      *looked_at_files = true;
      if (const auto status = Place(cursor); !status.ok()) return status;
      if (cursor.segment == nullptr) return RecordBatch();  // nothing was ever appended
    }
    Segment& segment = *cursor.segment;
    RecordBatch::Source source = EmptySource(cursor.segment);
    if (cursor.offset >= bound.offset) [[unlikely]]
      return RecordBatch();
    const auto collected = Collect(cursor, options, bound, &source);
    if (cursor.batch != nullptr && cursor.batch->position() != cursor.position) {
      cursor.batch = nullptr;  // all of it was read
    }
    if (!collected.ok()) return collected.status();
    if (source.records != 0) return RecordBatch(std::move(source));
    const frame::FrameState state = *collected;
    if (state == frame::FrameState::kValid) {
      if (cursor.offset >= bound.offset) return RecordBatch();
      frame::FrameHeader header;
      segment.ReadFrame(cursor.position, &header);
      if (frame::KindOf(header.length_word) != frame::Kind::kSeal) {
        // It lies beyond the bound, and offsets are missing before it.
        return MissingAt(cursor.offset, segment.base_offset() + header.offset_delta);
      }
      *looked_at_files = true;
      const auto moved = NextSegment(cursor);
      if (!moved.ok()) return moved.status();
      if (*moved) continue;
    }
    const auto here = std::pair(cursor.position, state);
    if (looked_in != &segment || looked_at != here) {
      looked_in = &segment;
      looked_at = here;
      const auto again = segments_.LookAgain(cursor, state);
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
      const auto behind = segment.FindNextFrame({.position = cursor.position, .delta = delta});
      if (behind && (behind->header.offset_delta == delta ||  // no offset is gone with it
                     IsPlanted(PlantedBug::kSkipsDamage))) {
        cursor.position = behind->position;
        cursor.offset = segment.base_offset() + behind->header.offset_delta;
        continue;
      }
      if (!IsDamagedSeal(cursor)) return DamageAt(cursor);
      *looked_at_files = true;
      const auto moved = NextSegment(cursor);
      if (!moved.ok()) return moved.status();
      continue;
    }
    if (state == frame::FrameState::kNothing && segments_.PassDeadClaims(segment, cursor.position))
      continue;
    // Of a power cut that nobody has recovered from yet, the rest of a segment may be missing. What
    // an undecided transaction has written is not.
    if (state == frame::FrameState::kNothing && !transactions_.At(segment, cursor.position) &&
        segments_.HasPassed(segment)) {
      return DamageAt(cursor);
    }
    return RecordBatch();
  }
}

bool LogReader::HasMore(Cursor& cursor) {
  if (segments_.is_deleted() || cursor.offset < segments_.bounds().start()) {
    return true;  // Read says why
  }
  if (cursor.offset >= segments_.bounds().visible_end()) return false;
  if (segments_.tells_of_changes()) {
    if (segments_.HasChangedSince(cursor)) return true;
    if (cursor.segment == nullptr) return false;
  }
  if (cursor.segment == nullptr) {
    const auto end = segments_.end_offset();
    return !end.ok() || *end != cursor.offset;
  }
  Segment& segment = *cursor.segment;
  if (!segment.Reaches(cursor.position)) {
    // Of its growth nobody tells: a frame in new blocks can end where the old ones did.
    const auto looked = segments_.LookForGrowth(segment);
    if (!looked.ok() || !segment.Reaches(cursor.position)) return false;
  }
  const std::uint32_t length_word = frame::AcquireLengthWord(segment.At(cursor.position));
  if (length_word == 0) {
    return segment.IsHole(cursor.position) || segments_.HasMoreBehindZeros(cursor);
  }
  if (frame::KindOf(length_word) == frame::Kind::kTransactional) {
    return transactions_.At(segment, cursor.position) != TransactionTable::Decision::kUndecided;
  }
  return frame::KindOf(length_word) != frame::Kind::kSeal || segments_.HasMoreBehindSeal(cursor);
}

}  // namespace daybook::inline v1
