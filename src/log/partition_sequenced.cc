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
#include "log/partition_log.h"

// Records of named producers, which are appended once however often they are sent. What is known
// of the producers comes from the log itself, so that one sync makes both durable. Records say
// whose they are, and the newest hint beside a sealed segment says what was before it.

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kSuffix = ".producers";
constexpr int kMaxTries = 100;
constexpr std::size_t kMaxHintBytes = 64 << 20;
// A claim before a record that is looked for may be open for so long.
constexpr std::chrono::seconds kClaimTimeout{30};

}  // namespace

absl::StatusOr<Offset> PartitionLog::AppendSequenced(const Record& record, std::uint64_t producer,
                                                     std::int64_t sequence) {
  if (sequence < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_.directory(), ": ", sequence, " is no sequence; number the records from 0 on"));
  }
  const frame::ProducerSequence from{.producer = producer, .sequence = sequence};
  MutexLock lock(sequence_mutex_);
  if (const auto status = LoadProducers(); !status.ok()) return status;
  const auto last = producers_.LastOf(producer);
  if (last && sequence <= last->sequence && !IsPlanted(PlantedBug::kNoSequenceCheck)) {
    return OffsetOfSequence(from);
  }
  producers_.Prepare(producer);
  const auto offset = AppendFromProducer(record, from);
  if (!offset.ok()) return offset;
  try {
    LeaveProducerHint(*offset);
  } catch (const std::bad_alloc&) {
    // What was appended is to be noted. Without the hint it is looked up in the log.
  }
  producers_.Note(from, *offset);
  return offset;
}

absl::StatusOr<std::optional<Offset>> PartitionLog::FindSequenced(
    std::string_view key, const frame::ProducerSequence& wanted) {
  std::optional<Offset> found;
  {
    MutexLock lock(sequence_mutex_);
    if (const auto status = LoadProducers(); !status.ok()) return status;
    const auto last = producers_.LastOf(wanted.producer);
    if (!last || wanted.sequence > last->sequence) return found;
    const auto offset = OffsetOfSequence(wanted);
    if (absl::IsOutOfRange(offset.status())) return found;
    if (!offset.ok()) return offset.status();
    found = *offset;
  }
  Cursor cursor{.offset = *found, .segment = nullptr, .position = 0};
  const auto batch = Read(cursor, {.max_records = 1});
  if (!batch.ok()) return batch.status();
  if (batch->empty() || batch->begin()->key != key) found.reset();
  return found;
}

absl::StatusOr<std::optional<ProducerState::Last>> PartitionLog::LastSequence(
    std::uint64_t producer) {
  MutexLock lock(sequence_mutex_);
  if (const auto status = LoadProducers(); !status.ok()) return status;
  return producers_.LastOf(producer);
}

absl::Status PartitionLog::LoadProducers() {
  // Where another process writes, there may be more now.
  if (producers_end_ && !context_.is_read_only) return absl::OkStatus();
  Offset seen;
  const auto note = [&](Offset offset, const frame::ProducerSequence& record)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(sequence_mutex_) {
                          producers_.Note(record, offset);
                          seen = offset + 1;
                          return true;
                        };
  for (int tries = 0;; ++tries) {
    Offset last_base;
    Offset begin;
    Offset end;
    {
      MutexLock lock(mutex_);
      if (const auto status = Refresh(); !status.ok()) return status;
      const auto committed = EndOffsetLocked();
      if (!committed.ok()) return committed.status();
      // Where another process writes, it is further than that by now.
      end = context_.is_read_only ? Offset(std::numeric_limits<std::int64_t>::max()) : *committed;
      if (!producers_end_) {
        const auto known = LoadProducerHint(producers_, [](const auto&) { return true; });
        if (!known.ok()) return known.status();
        producers_end_ = *known;
      }
      if (!segments_.empty()) {
        last_base = segments_.back().base_offset;
        begin = std::max(*producers_end_, segments_.front().base_offset);
      }
    }
    absl::Status status;
    if (begin < last_base && !context_.is_read_only) {
      status = VisitSequenced(begin, last_base, note);
      if (status.ok()) LeaveProducerHint(last_base);
      begin = last_base;
    }
    sequenced_base_ = last_base;
    if (status.ok() && begin < end) status = VisitSequenced(begin, end, note);
    // The beginning was dropped meanwhile.
    if (absl::IsOutOfRange(status) && tries < kMaxTries) continue;
    if (!status.ok()) {
      producers_end_.reset();
      return status;
    }
    producers_end_ = std::max(context_.is_read_only ? seen : end, *producers_end_);
    return absl::OkStatus();
  }
}

absl::StatusOr<Offset> PartitionLog::LoadProducerHint(
    ProducerState& state, const std::function<bool(const ProducerState&)>& accept) {
  const Offset first = segments_.empty() ? Offset() : segments_.front().base_offset;
  if (is_in_memory() || segments_.empty()) return first;
  const auto directory = OpenDirectory();
  if (!directory.ok()) return directory.status();
  const auto entries = (*directory)->List();
  if (!entries.ok()) return entries.status();
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries) names.insert(entry.name);
  for (std::size_t i = segments_.size(); i-- > 0;) {
    const std::string name = SegmentFileName(segments_[i].base_offset, kSuffix);
    if (names.count(name) == 0) continue;
    const auto encoded = ReadFile(**directory, name, kMaxHintBytes);
    const auto segment = OpenAt(i);
    // Without it, or where it is damaged, more is to be looked at.
    if (!encoded.ok() || !segment.ok()) continue;
    const auto seal = (*segment)->sealed_end();
    if (!seal || !state.Load((*segment)->header().segment_id, *seal, *encoded).ok()) continue;
    if (accept(state)) return (*segment)->base_offset() + RecordsOf(*seal);
  }
  return first;
}

void PartitionLog::LeaveProducerHint(Offset offset) {
  if (is_in_memory() || context_.is_read_only) return;
  // Mostly it is the segment of the record before.
  lookers_.fetch_add(1);
  const Segment* const active = active_.load();
  const bool is_same = active != nullptr && active->base_offset() == sequenced_base_;
  lookers_.fetch_sub(1);
  if (is_same) return;
  // Nobody drops segments, or deletes the topic, while the file is written.
  MutexLock ahead_lock(ahead_mutex_);
  std::shared_ptr<Segment> before;
  {
    MutexLock lock(mutex_);
    const std::size_t above = SegmentAbove(offset);
    if (above == 0 || segments_[above - 1].base_offset == sequenced_base_ || !closed_.ok()) return;
    sequenced_base_ = segments_[above - 1].base_offset;
    if (above < 2) return;
    const auto opened = OpenAt(above - 2);
    if (!opened.ok()) return;  // it is a hint
    before = *opened;
  }
  const auto seal = before->sealed_end();
  const auto directory = OpenDirectory();
  if (!seal || !directory.ok()) return;
  const std::string name = SegmentFileName(before->base_offset(), kSuffix);
  const std::string encoded = producers_.Encode(before->header().segment_id, *seal);
  (*directory)->RemoveFile(name).IgnoreError();  // there may be one that is damaged
  const auto file = (*directory)->OpenFile(name, FileMode::kCreate);
  // What cannot be written, or only in part, is looked up in the log again.
  if (file.ok()) (*file)->WriteAt(0, std::as_bytes(std::span(encoded))).IgnoreError();
}

absl::StatusOr<Offset> PartitionLog::OffsetOfSequence(const frame::ProducerSequence& wanted) {
  const ProducerState::Search search = producers_.Find(wanted);
  if (search.found) return *search.found;
  std::optional<Offset> found;
  Offset first;
  {
    MutexLock lock(mutex_);
    if (const auto status = EnsureOpen(); !status.ok()) return status;
    if (!segments_.empty()) first = segments_.front().base_offset;
    if (search.begin) {
      first = std::max(first, *search.begin);
    } else {
      // The segment after the last one at whose end it was still to come.
      ProducerState state;
      const auto before = LoadProducerHint(state, [&](const ProducerState& hint) {
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
    if (auto status = AwaitCommitted(search.end, deadline); !status.ok()) return status;
    const auto status = VisitSequenced(
        first, search.end, [&](Offset offset, const frame::ProducerSequence& record) {
          if (record.producer != wanted.producer || record.sequence < wanted.sequence) return true;
          if (record.sequence == wanted.sequence) found = offset;
          return false;
        });
    if (!status.ok() && !absl::IsOutOfRange(status)) return status;
  }
  if (found) return *found;
  return absl::OutOfRangeError(
      absl::StrCat(name_.directory(), ": sequence ", wanted.sequence, " of producer ",
                   absl::Hex(wanted.producer, absl::kZeroPad16), " is below its last one, ",
                   producers_.LastOf(wanted.producer)->sequence,
                   ", and there is no record of it: it was left out, or its record was dropped"));
}

absl::Status PartitionLog::VisitSequenced(Offset begin, Offset end,
                                          const SequenceVisitor& visitor) {
  Cursor at{.offset = begin, .segment = nullptr, .position = 0};
  if (const auto status = Place(at); !status.ok()) return status;
  std::optional<Offset> refreshed;  // once for each segment
  while (at.segment != nullptr) {
    Segment& segment = *at.segment;
    frame::FrameHeader header;
    const frame::FrameState state = segment.Look(at.position, &header);
    if (state != frame::FrameState::kValid && context_.is_read_only &&
        refreshed != segment.base_offset()) {
      // The writer may have gone on in new blocks: a frame, or the rest of one, can lie there.
      refreshed = segment.base_offset();
      const auto directory = OpenDirectory();
      if (!directory.ok()) return directory.status();
      if (const auto same = segment.Refresh(**directory); !same.ok()) return same.status();
      continue;
    }
    if (state == frame::FrameState::kNothing) {
      // A reader passes over what a dead process has left open.
      if (!context_.is_read_only || !PassDeadClaims(segment, at.position)) return absl::OkStatus();
      const auto behind = segment.BehindDeadClaims(at.position);
      if (!behind) continue;  // it was committed after all
      at.position = PositionOf(*behind);
      continue;
    }
    if (state == frame::FrameState::kBad) {
      // A sequence that is damaged is gone; what is behind it is not.
      const auto found = segment.FindBehind(
          {.position = at.position,
           .delta = static_cast<std::uint64_t>(at.offset - segment.base_offset())});
      if (found.is_unknown()) return DamageAt(at);
      if (found) {
        at.position = found->position;
        continue;
      }
      // Its seal is damaged, too: on in the next one, wherever that begins.
      MutexLock lock(mutex_);
      const std::size_t next = SegmentAbove(segment.base_offset());
      if (next == segments_.size()) return absl::OkStatus();
      at.offset = segments_[next].base_offset;
      at.position = frame::kSegmentHeaderBytes;
      const auto opened = OpenAt(next);
      if (!opened.ok()) return opened.status();
      at.segment = *opened;
      continue;
    }
    if (frame::KindOf(header.length_word) == frame::Kind::kSeal) {
      const auto moved = NextSegment(at);
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
