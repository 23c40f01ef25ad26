#include "log/partition_log.h"
#include "log/read/time_search.h"

// What a log tells of its records and segments: by their time, from the end, and for who decides
// which of them go.

namespace daybook::inline v1 {

absl::StatusOr<RecordBatch> PartitionLog::ReadBackwards(Offset before, const ReadOptions& options,
                                                        OpenBatchPtr* kept) {
  OpenBatchPtr none;
  return reader_.ReadBackwards(before, options, kept == nullptr ? &none : kept);
}

absl::StatusOr<Offset> PartitionLog::OffsetForTime(Timestamp time) {
  return TimeSearch({segments_, reader_, files_.preparer().mutex()}, time).Run();
}

absl::StatusOr<std::optional<Timestamp>> PartitionLog::LastAppendTime() {
  const auto end = stable_end();
  if (!end.ok()) return end.status();
  const auto batch = ReadBackwards(*end, {.max_records = 1});
  if (!batch.ok()) return batch.status();
  std::optional<Timestamp> time;
  for (const RecordView& record : *batch) time = record.append_time;
  return time;
}

void PartitionLog::RollFrom(Offset base) {
  MutexLock lock(segments_.mutex());
  const Segment* const active = active_.segment();
  if (active == nullptr || active->base_offset() != base || RecordsOf(active->ClaimedEnd()) == 0) {
    return;
  }
  active_.Roll(segments_);
}

}  // namespace daybook::inline v1
