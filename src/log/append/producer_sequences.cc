#include "log/append/producer_sequences.h"

#include <algorithm>
#include <limits>
#include <new>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kSuffix = ".producers";
constexpr int kMaxTries = 100;
constexpr std::size_t kMaxHintBytes = 64 << 20;
// A claim before a record that is looked for may be open for so long.
constexpr std::chrono::seconds kClaimTimeout{30};

}  // namespace

absl::StatusOr<Offset> ProducerSequences::Append(const Record& record,
                                                 const frame::ProducerSequence& from) {
  MutexLock lock(mutex_);
  if (const auto status = Load(); !status.ok()) return status;
  const auto last = producers_.LastOf(from.producer);
  if (last && from.sequence <= last->sequence && !IsPlanted(PlantedBug::kNoSequenceCheck)) {
    return OffsetOf(from);
  }
  producers_.Prepare(from.producer);
  const auto offset = log_.append(record, from);
  if (!offset.ok()) return offset;
  try {
    LeaveHint(*offset);
  } catch (const std::bad_alloc&) {
    // What was appended is to be noted. Without the hint it is looked up in the log.
  }
  producers_.Note(from, *offset);
  return offset;
}

absl::StatusOr<std::optional<Offset>> ProducerSequences::Find(
    std::string_view key, const frame::ProducerSequence& wanted) {
  std::optional<Offset> found;
  {
    MutexLock lock(mutex_);
    if (const auto status = Load(); !status.ok()) return status;
    const auto last = producers_.LastOf(wanted.producer);
    if (!last || wanted.sequence > last->sequence) return found;
    const auto offset = OffsetOf(wanted);
    if (absl::IsOutOfRange(offset.status())) return found;
    if (!offset.ok()) return offset.status();
    found = *offset;
  }
  Cursor cursor{.offset = *found, .segment = nullptr, .position = 0};
  const auto batch = log_.reader.Read(cursor, {.max_records = 1});
  if (!batch.ok()) return batch.status();
  if (batch->empty() || batch->begin()->key != key) found.reset();
  return found;
}

absl::StatusOr<std::optional<ProducerState::Last>> ProducerSequences::Last(std::uint64_t producer) {
  MutexLock lock(mutex_);
  if (const auto status = Load(); !status.ok()) return status;
  return producers_.LastOf(producer);
}

absl::Status ProducerSequences::Load() {
  // Where another process writes, there may be more now.
  if (end_ && !log_.segments.belongs_elsewhere()) return absl::OkStatus();
  Offset seen;
  const auto note = [&](Offset offset, const frame::ProducerSequence& record)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                          producers_.Note(record, offset);
                          seen = offset + 1;
                          return true;
                        };
  for (int tries = 0;; ++tries) {
    Offset last_base;
    Offset begin;
    Offset end;
    {
      MutexLock lock(log_.segments.mutex());
      if (const auto status = log_.segments.Refresh(); !status.ok()) return status;
      const auto committed = log_.segments.EndOffsetLocked();
      if (!committed.ok()) return committed.status();
      // Where another process writes, it is further than that by now.
      end = log_.segments.belongs_elsewhere() ? Offset(std::numeric_limits<std::int64_t>::max())
                                              : *committed;
      if (!end_) {
        const auto known = LoadHint(producers_, [](const auto&) { return true; });
        if (!known.ok()) return known.status();
        end_ = *known;
      }
      if (!log_.segments.empty()) {
        last_base = log_.segments.back().base_offset;
        begin = std::max(*end_, log_.segments.front().base_offset);
      }
    }
    absl::Status status;
    if (begin < last_base && !log_.segments.belongs_elsewhere()) {
      status = Visit(begin, last_base, note);
      if (status.ok()) LeaveHint(last_base);
      begin = last_base;
    }
    last_base_ = last_base;
    if (status.ok() && begin < end) status = Visit(begin, end, note);
    // The beginning was dropped meanwhile.
    if (absl::IsOutOfRange(status) && tries < kMaxTries) continue;
    if (!status.ok()) {
      end_.reset();
      return status;
    }
    end_ = std::max(log_.segments.belongs_elsewhere() ? seen : end, *end_);
    return absl::OkStatus();
  }
}

absl::StatusOr<Offset> ProducerSequences::LoadHint(
    ProducerState& state, const std::function<bool(const ProducerState&)>& accept) {
  const Offset first = log_.segments.empty() ? Offset() : log_.segments.front().base_offset;
  if (!log_.segments.has_files() || log_.segments.empty()) return first;
  const auto directory = log_.segments.directory().Open();
  if (!directory.ok()) return directory.status();
  const auto entries = (*directory)->List();
  if (!entries.ok()) return entries.status();
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries) names.insert(entry.name);
  for (std::size_t i = log_.segments.size(); i-- > 0;) {
    const std::string name = SegmentFileName(log_.segments.SlotAt(i).base_offset, kSuffix);
    if (names.count(name) == 0) continue;
    const auto encoded = ReadFile(**directory, name, kMaxHintBytes);
    const auto segment = log_.segments.OpenAt(i);
    // Without it, or where it is damaged, more is to be looked at.
    if (!encoded.ok() || !segment.ok()) continue;
    const auto seal = (*segment)->sealed_end();
    if (!seal || !state.Load((*segment)->header().segment_id, *seal, *encoded).ok()) continue;
    if (accept(state)) return (*segment)->base_offset() + RecordsOf(*seal);
  }
  return first;
}

void ProducerSequences::LeaveHint(Offset offset) {
  if (!log_.segments.has_files() || log_.segments.belongs_elsewhere()) return;
  // Mostly it is the segment of the record before.
  {
    const SegmentList::LockFreeReader reader(log_.segments);
    const Segment* const active = log_.active.segment();
    if (active != nullptr && active->base_offset() == last_base_) return;
  }
  // Nobody drops segments, or deletes the topic, while the file is written.
  MutexLock ahead_lock(log_.ahead_mutex);
  std::shared_ptr<Segment> before;
  {
    MutexLock lock(log_.segments.mutex());
    const std::size_t above = log_.segments.IndexAbove(offset);
    if (above == 0 || log_.segments.SlotAt(above - 1).base_offset == last_base_ ||
        !log_.segments.refusal().ok())
      return;
    last_base_ = log_.segments.SlotAt(above - 1).base_offset;
    if (above < 2) return;
    const auto opened = log_.segments.OpenAt(above - 2);
    if (!opened.ok()) return;  // it is a hint
    before = *opened;
  }
  const auto seal = before->sealed_end();
  const auto directory = log_.segments.directory().Open();
  if (!seal || !directory.ok()) return;
  const std::string name = SegmentFileName(before->base_offset(), kSuffix);
  const std::string encoded = producers_.Encode(before->header().segment_id, *seal);
  (*directory)->RemoveFile(name).IgnoreError();  // there may be one that is damaged
  const auto file = (*directory)->OpenFile(name, FileMode::kCreate);
  // What cannot be written, or only in part, is looked up in the log again.
  if (file.ok()) (*file)->WriteAt(0, std::as_bytes(std::span(encoded))).IgnoreError();
}

absl::StatusOr<Offset> ProducerSequences::OffsetOf(const frame::ProducerSequence& wanted) {
  const ProducerState::Search search = producers_.Find(wanted);
  if (search.found) return *search.found;
  std::optional<Offset> found;
  Offset first;
  {
    MutexLock lock(log_.segments.mutex());
    if (const auto status = log_.segments.EnsureOpen(); !status.ok()) return status;
    if (!log_.segments.empty()) first = log_.segments.front().base_offset;
    if (search.begin) {
      first = std::max(first, *search.begin);
    } else {
      // The segment after the last one at whose end it was still to come.
      ProducerState state;
      const auto before = LoadHint(state, [&](const ProducerState& hint) {
        const auto last = hint.LastOf(wanted.producer);
        return !last || last->sequence < wanted.sequence;
      });
      if (!before.ok()) return before;
      first = *before;
    }
  }
  if (first < search.end) {
    // A claim that somebody holds open may be in the way.
    const auto deadline = DeadlineAfter(kClaimTimeout);
    if (auto status = log_.await_committed(search.end, deadline); !status.ok()) return status;
    const auto status =
        Visit(first, search.end, [&](Offset offset, const frame::ProducerSequence& record) {
          if (record.producer != wanted.producer || record.sequence < wanted.sequence) return true;
          if (record.sequence == wanted.sequence) found = offset;
          return false;
        });
    if (!status.ok() && !absl::IsOutOfRange(status)) return status;
  }
  if (found) return *found;
  return absl::OutOfRangeError(
      absl::StrCat(log_.segments.name().directory(), ": sequence ", wanted.sequence,
                   " of producer ", absl::Hex(wanted.producer, absl::kZeroPad16),
                   " is below its last one, ", producers_.LastOf(wanted.producer)->sequence,
                   ", and there is no record of it: it was left out, or its record was dropped"));
}

absl::Status ProducerSequences::Visit(Offset begin, Offset end, const Visitor& visitor) {
  Cursor at{.offset = begin, .segment = nullptr, .position = 0};
  // Its sequences count also where the records are deleted.
  if (const auto status = log_.reader.PlaceInSegments(at); !status.ok()) return status;
  std::optional<Offset> refreshed;  // once for each segment
  while (at.segment != nullptr) {
    Segment& segment = *at.segment;
    frame::FrameHeader header;
    const frame::FrameState state = segment.ReadFrame(at.position, &header);
    if (state != frame::FrameState::kValid && refreshed != segment.base_offset()) {
      // The writer may have gone on in new blocks: a frame, or the rest of one, can lie there.
      refreshed = segment.base_offset();
      const auto looked = log_.segments.LookForGrowth(segment);
      if (!looked.ok()) return looked.status();
      if (*looked) continue;
    }
    if (state == frame::FrameState::kNothing) {
      // A reader passes over what a dead process has left open.
      if (!log_.segments.PassDeadClaims(segment, at.position)) return absl::OkStatus();
      const auto behind = segment.BehindDeadClaims(at.position);
      if (!behind) continue;  // it was committed after all
      at.position = PositionOf(*behind);
      continue;
    }
    if (state == frame::FrameState::kBad) {
      // A sequence that is damaged is gone; what is behind it is not.
      const auto found = segment.FindNextFrame(
          {.position = at.position,
           .delta = static_cast<std::uint64_t>(at.offset - segment.base_offset())});
      if (found.is_unknown()) return log_.reader.DamageAt(at);
      if (found) {
        at.position = found->position;
        continue;
      }
      // Its seal is damaged, too: on in the next one, wherever that begins.
      MutexLock lock(log_.segments.mutex());
      const std::size_t next = log_.segments.IndexAbove(segment.base_offset());
      if (next == log_.segments.size()) return absl::OkStatus();
      at.offset = log_.segments.SlotAt(next).base_offset;
      at.position = frame::kSegmentHeaderBytes;
      const auto opened = log_.segments.OpenAt(next);
      if (!opened.ok()) return opened.status();
      at.segment = *opened;
      continue;
    }
    if (frame::KindOf(header.length_word) == frame::Kind::kSeal) {
      const auto moved = log_.reader.NextSegment(at);
      if (!moved.ok()) return moved.status();
      if (!*moved) return absl::OkStatus();
      continue;
    }
    const Offset offset = segment.base_offset() + header.offset_delta;
    if (offset >= end) return absl::OkStatus();
    if (frame::KindOf(header.length_word) == frame::Kind::kRecord &&
        (header.attributes & frame::kHasProducer) != 0 &&
        !visitor(offset, frame::ProducerOf(segment.At(at.position)))) {
      return absl::OkStatus();
    }
    at.position += frame::AlignedLength(frame::LengthOf(header.length_word));
    at.offset = offset + frame::OffsetCount(header);
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
