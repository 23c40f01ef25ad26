#include "consumer/run/partition_pauses.h"

#include <utility>
#include <vector>

namespace daybook::inline v1 {

absl::Status PartitionPauses::HoldBack(Consumer& consumer, RecordsInFlight& records) {
  if (const auto ahead = records.TakeAhead(); !ahead.empty()) {
    is_some_ahead_ = true;
    if (auto status = consumer.Pause(ahead); !status.ok()) return status;
  }
  if (!is_some_ahead_) return absl::OkStatus();
  const auto resumed = records.TakeCaughtUp(&is_some_ahead_);
  return is_all_paused_ || resumed.empty() ? absl::OkStatus() : consumer.Resume(resumed);
}

absl::Status PartitionPauses::PauseAll(Consumer& consumer) {
  if (is_all_paused_ && !is_some_new_) return absl::OkStatus();
  is_all_paused_ = true;
  is_some_new_ = false;
  const std::vector<TopicPartition> all = consumer.Assignment();
  return all.empty() ? absl::OkStatus() : consumer.Pause(all);
}

absl::Status PartitionPauses::ResumeAll(Consumer& consumer, const RecordsInFlight& records) {
  if (!is_all_paused_) return absl::OkStatus();
  is_all_paused_ = false;
  std::vector<TopicPartition> resumed;
  for (TopicPartition& partition : consumer.Paused()) {
    const PartitionStream* const stream = records.Find(partition);
    if (stream == nullptr || !stream->is_ahead) resumed.push_back(std::move(partition));
  }
  return resumed.empty() ? absl::OkStatus() : consumer.Resume(resumed);
}

}  // namespace daybook::inline v1
