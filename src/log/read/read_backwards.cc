#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/read/log_reader.h"
#include "segment/index/segment_search.h"

// Reading backwards. Frames are linked forwards alone, so a place a little before is looked up in
// the sparse index, and the records from there on are collected as for any other batch. What lies
// behind a transaction that is undecided is not there yet, as for who reads forwards.

namespace daybook::inline v1 {

namespace {

// The last frame before `position`, where `delta` is reached. Where offsets are missing before
// that, or taken up by padding, `*is_behind_gap` is set, and it may be an earlier one. They may be
// missing by the million, so steps double.
ClaimWord FrameBefore(Segment& segment, std::uint64_t position, std::uint32_t delta,
                      bool* is_behind_gap) {
  std::uint32_t last = delta - 1;
  std::uint64_t found = 0;
  frame::FrameHeader header;
  frame::FrameState state;
  const auto is_missing = [&] {
    found = FindDelta(segment, last);
    state = segment.ReadFrame(found, &header);
    if (found < position) return false;
    // `position` itself may be within the batch that holds both.
    return state != frame::FrameState::kValid || header.offset_delta > last;
  };
  *is_behind_gap = is_missing();
  for (std::uint64_t step = 1; is_missing() && last != 0; step *= 2) {
    last -= static_cast<std::uint32_t>(std::min<std::uint64_t>(last, step));
  }
  if (state == frame::FrameState::kValid) {
    last = std::min(last, header.offset_delta);  // of a batch it may be any record
    if (frame::KindOf(header.length_word) == frame::Kind::kPadding) *is_behind_gap = true;
  }
  return MakeClaimWord(last, found);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Segment>> LogReader::SegmentBefore(Offset before) {
  segments_.Look();
  MutexLock lock(segments_.mutex());
  if (const auto status = segments_.Refresh(); !status.ok()) return status;
  const auto status = segments_.CheckRange(before, segments_.bounds().start());
  if (!status.ok()) return status;
  if (before == segments_.BeginOffsetLocked()) return std::shared_ptr<Segment>();
  return segments_.SegmentOf(Offset(before.value() - 1));
}

absl::StatusOr<RecordBatch> LogReader::CollectBackwards(const std::shared_ptr<Segment>& segment,
                                                        const ReadOptions& options, Offset* before,
                                                        OpenBatchPtr* kept) {
  const Offset base = segment->base_offset();
  const ClaimWord committed = segment->CommittedEnd();
  const auto delta = static_cast<std::uint64_t>(*before - base);
  // Behind the last record of a segment nothing is committed; after a crash, offsets may be void.
  const ClaimWord end =
      delta >= RecordsOf(committed) ? committed : MakeClaimWord(delta, FindDelta(*segment, delta));
  const ReadBound bound{.offset = *before, .position = PositionOf(end)};

  // As many bytes as are wanted, or the last record alone; and no more records.
  const std::uint64_t bytes = std::max<std::uint64_t>(options.max_bytes, 1);
  const auto records = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(options.max_records, 1, RecordsOf(end) + std::size_t{1}));
  const std::uint64_t wanted = bound.position > bytes ? bound.position - bytes : 0;
  ClaimWord begin = wanted <= PositionOf(kFirstFrame)
                        ? kFirstFrame
                        : segment->index().offsets().FindPosition(wanted, end);
  if (RecordsOf(end) > records && RecordsOf(begin) < RecordsOf(end) - records &&
      PositionOf(begin) < bound.position) {
    const std::uint32_t first = RecordsOf(end) - records;
    begin = MakeClaimWord(first, FindDelta(*segment, first));
  }
  bool is_behind_gap = false;
  if (PositionOf(begin) >= bound.position && RecordsOf(end) != 0) {
    begin = FrameBefore(*segment, bound.position, RecordsOf(end), &is_behind_gap);
    // Of a batch only so much.
    if (!is_behind_gap && RecordsOf(end) > records) {
      begin =
          MakeClaimWord(std::max(RecordsOf(begin), RecordsOf(end) - records), PositionOf(begin));
    }
  }

  const Offset start = segments_.bounds().start();
  if (base + RecordsOf(begin) < start) {
    const auto first = static_cast<std::uint64_t>(start - base);
    begin = MakeClaimWord(first, FindDelta(*segment, first));
  }

  Cursor at{.offset = base + RecordsOf(begin),
            .segment = segment,
            .position = PositionOf(begin),
            .batch = *kept};
  Offset from = at.offset;
  RecordBatch::Source last;  // the records before a transaction that was not committed
  for (;;) {
    RecordBatch::Source source = EmptySource(segment);
    const auto state =
        Collect(at, {.max_records = SIZE_MAX, .max_bytes = SIZE_MAX}, bound, &source);
    *kept = at.batch;
    if (!state.ok() && !absl::IsDataLoss(state.status())) return state.status();
    if (source.records != 0) last = std::move(source);
    const auto behind = segment->BehindDeadClaims(at.position);
    if (state.ok() && *state == frame::FrameState::kNothing && behind) {
      at.position = PositionOf(*behind);
      at.offset = base + RecordsOf(*behind);
      if (at.position < bound.position) {  // what is behind them is wanted first
        from = at.offset;
        last = {};
        continue;
      }
    }
    const bool is_done = at.position >= bound.position;
    const auto decision = is_done ? std::nullopt : transactions_.At(*segment, at.position);
    const bool is_undecided = decision == TransactionTable::Decision::kUndecided;
    if (is_done || is_undecided) {
      if (last.records != 0 && is_behind_gap) {  // there may be too many
        *before = std::min(last.next_offset, Offset(before->value() - 1));
        return RecordBatch();
      }
      if (last.records != 0) return RecordBatch(std::move(last));
      // Nothing, or claims that were given up; or `before` lies within a batch that is damaged, and
      // nothing of that can be read.
      frame::FrameHeader batch;
      if (!state.ok() && segment->ReadFrame(at.position, &batch) == frame::FrameState::kValid) {
        from = std::min(from, base + batch.offset_delta);
      }
      *before = is_undecided ? at.offset : std::min(from, Offset(before->value() - 1));
      return RecordBatch();
    }
    if (state.ok() && decision) continue;  // a transaction that was not committed
    // Damage. What is behind it is wanted first.
    last = {};
    const auto next = segment->FindNextFrame(
        {.position = at.position, .delta = static_cast<std::uint64_t>(at.offset - base)});
    // A forged frame may say that it is behind `before`, and stand before it.
    if (!next || next->position >= bound.position || next->header.offset_delta >= delta) {
      return DamageAt(at);
    }
    at = {
        .offset = base + next->header.offset_delta, .segment = segment, .position = next->position};
    from = at.offset;
  }
}

absl::StatusOr<RecordBatch> LogReader::ReadBackwards(Offset before, const ReadOptions& options,
                                                     OpenBatchPtr* kept) {
  for (;;) {
    const auto segment = SegmentBefore(before);
    if (!segment.ok()) return segments_.UnlessDeleted(segment.status());
    if (*segment == nullptr) return RecordBatch();
    const Offset end = std::min(transactions_.FirstUndecided(), segments_.bounds().visible_end());
    if (end < before) {
      before = end;
      continue;
    }
    auto batch = CollectBackwards(*segment, options, &before, kept);
    if (batch.ok() && batch->empty()) {
      before = std::max(before, segments_.bounds().start());  // a batch can begin before it
      continue;
    }
    return segments_.UnlessDeleted(std::move(batch));
  }
}

}  // namespace daybook::inline v1
