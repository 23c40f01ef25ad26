#include "consumer/run/finished_offsets.h"

#include <map>

namespace daybook::inline v1 {

FinishedOffsets::FinishedOffsets(Guarantee guarantee, Clock& clock,
                                 std::chrono::milliseconds interval)
    : is_at_most_once_(guarantee == Guarantee::kAtMostOnce), clock_(clock), interval_(interval) {}

void FinishedOffsets::BeginInterval() { next_commit_ = clock_.MonotonicNow() + interval_; }

absl::Status FinishedOffsets::CommitAll(Consumer& consumer, const PartitionStreams& streams) {
  has_news_ = false;
  BeginInterval();
  return Commit(consumer, streams);
}

absl::Status FinishedOffsets::Commit(Consumer& consumer, const PartitionStreams& streams,
                                     Offset (OffsetTracker::*place)() const) {
  if (is_at_most_once_) return absl::OkStatus();
  std::map<TopicPartition, CommittedOffset> offsets;
  for (const auto& stream : streams) {
    const Offset offset = (stream->tracker.*place)();
    if (offset > stream->committed) offsets[stream->name] = {.offset = offset};
  }
  if (offsets.empty()) return absl::OkStatus();
  const auto status = consumer.Commit(offsets);
  if (!status.ok() && !absl::IsAborted(status)) return status;
  for (const auto& stream : streams) {
    const auto found = offsets.find(stream->name);
    if (found != offsets.end()) stream->committed = found->second.offset;
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
