#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/partition_log.h"

// Reading backwards. Frames are linked forwards alone, so a place a little before is looked up in
// the sparse index, and the records from there on are collected as for any other batch. What lies
// behind a transaction that is undecided is not there yet, as for who reads forwards.

namespace daybook::inline v1 {

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::SegmentBefore(Offset before) {
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  if (const auto status = CheckRange(before); !status.ok()) return status;
  if (segments_.empty() || before == segments_.front().base_offset) {
    return std::shared_ptr<Segment>();
  }
  return SegmentOf(Offset(before.value() - 1));
}

absl::StatusOr<RecordBatch> PartitionLog::CollectBackwards(const std::shared_ptr<Segment>& segment,
                                                           const ReadOptions& options,
                                                           Offset* before) {
  const Offset base = segment->base_offset();
  const ClaimWord committed = segment->CommittedEnd();
  const auto delta = static_cast<std::uint32_t>(*before - base);
  // Behind the last record of a segment nothing is committed; after a crash, offsets may be void.
  const ClaimWord end =
      delta >= RecordsOf(committed) ? committed : MakeClaimWord(delta, segment->FindDelta(delta));
  const Bound bound{.offset = *before, .position = PositionOf(end)};

  // As many bytes as are wanted, or the last record alone; and no more records.
  const std::uint64_t bytes = std::max<std::uint64_t>(options.max_bytes, 1);
  const auto records = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(options.max_records, 1, RecordsOf(end) + std::size_t{1}));
  const std::uint64_t wanted = bound.position > bytes ? bound.position - bytes : 0;
  ClaimWord begin =
      wanted <= PositionOf(kFirstFrame) ? kFirstFrame : segment->FindPosition(wanted, end);
  if (PositionOf(begin) >= bound.position && RecordsOf(end) != 0) {
    const std::uint32_t last = RecordsOf(end) - 1;
    begin = MakeClaimWord(last, segment->FindDelta(last));
  }
  if (RecordsOf(end) > records && RecordsOf(begin) < RecordsOf(end) - records) {
    const std::uint32_t first = RecordsOf(end) - records;
    begin = MakeClaimWord(first, segment->FindDelta(first));
  }

  Cursor at{.offset = base + RecordsOf(begin), .segment = segment, .position = PositionOf(begin)};
  Offset from = at.offset;
  RecordBatch::Source last;  // the records before a transaction that was not committed
  for (;;) {
    RecordBatch::Source source = EmptySource(segment);
    const auto state =
        Collect(at, {.max_records = SIZE_MAX, .max_bytes = SIZE_MAX}, bound, &source);
    if (!state.ok() && !absl::IsDataLoss(state.status())) return state.status();
    if (source.records != 0) last = std::move(source);
    const bool is_done = at.position >= bound.position;
    const auto decision = is_done ? std::nullopt : DecisionAt(*segment, at.position);
    const bool is_undecided = decision == TransactionTable::Decision::kUndecided;
    if (is_done || is_undecided) {
      if (last.records != 0) return RecordBatch(std::move(last));
      // Nothing, or claims that were given up; or `before` lies within a batch that is damaged.
      *before = is_undecided ? at.offset : std::min(from, Offset(before->value() - 1));
      return RecordBatch();
    }
    if (state.ok() && decision) continue;  // a transaction that was not committed
    // Damage. What is behind it is wanted first.
    last = {};
    const auto next =
        frame::FindFrame(segment->Bytes(), {.position = at.position + frame::kFrameAlignment,
                                            .delta = static_cast<std::uint32_t>(at.offset - base)});
    if (!next || next->position >= bound.position) return DamageAt(at);
    at = {
        .offset = base + next->header.offset_delta, .segment = segment, .position = next->position};
    from = at.offset;
  }
}

absl::StatusOr<RecordBatch> PartitionLog::ReadBackwards(Offset before, const ReadOptions& options) {
  for (;;) {
    const auto segment = SegmentBefore(before);
    if (!segment.ok()) return segment.status();
    if (*segment == nullptr) return RecordBatch();
    if (const Offset undecided = FirstUndecided(); undecided < before) {
      before = undecided;
      continue;
    }
    auto batch = CollectBackwards(*segment, options, &before);
    if (!batch.ok() || !batch->empty()) return batch;
  }
}

}  // namespace daybook::inline v1
