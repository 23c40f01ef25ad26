#include "broker/offsets/state_log.h"

#include <algorithm>
#include <vector>

#include "broker/access.h"

namespace daybook::inline v1 {
namespace {

// No snapshot before so much was appended: to read it takes a few milliseconds.
constexpr std::uint64_t kMinBytes = std::uint64_t{8} << 20;
// And so many times what the last snapshot had.
constexpr std::uint64_t kGrowth = 4;
// On a full disk, each time that so much was appended: a fraction of the log's reserve.
constexpr std::uint64_t kFullBytes = std::uint64_t{32} << 10;
// A snapshot is appended in batches of so much.
constexpr std::uint64_t kBatchBytes = std::uint64_t{256} << 10;

std::uint64_t BytesOf(const Record& record) {
  return record.key->size() + (record.value ? record.value->size() : 0);
}

}  // namespace

absl::StatusOr<bool> StateLog::Open() {
  const auto topic = catalog_.Find(topic_);
  if (absl::IsNotFound(topic.status())) return false;
  if (!topic.ok()) return topic.status();
  log_ = Access::Log(topic->partition(0)).shared_from_this();
  if (auto status = Rewind(); !status.ok()) return status;
  return true;
}

absl::Status StateLog::OpenOrCreate() {
  if (log_ != nullptr) return absl::OkStatus();
  auto topic = catalog_.Find(topic_);
  if (absl::IsNotFound(topic.status())) {
    TopicOptions options;
    options.segment_bytes = segment_bytes_;
    topic = catalog_.Create(topic_, options);
  }
  if (!topic.ok()) return topic.status();
  log_ = Access::Log(topic->partition(0)).shared_from_this();
  return absl::OkStatus();
}

void StateLog::Close() {
  log_ = nullptr;
  ReleaseReader();
}

absl::Status StateLog::Rewind() {
  const auto begin = log_->begin_offset();
  if (!begin.ok()) return begin.status();
  cursor_ = {.offset = *begin, .segment = nullptr, .position = 0};
  return absl::OkStatus();
}

absl::Status StateLog::AppendBatch(std::span<const Record> records) {
  for (const Record& record : records) appended_ += BytesOf(record);
  return log_->AppendBatchUnsynced(records).status();
}

absl::Status StateLog::WaitDurable(std::chrono::steady_clock::time_point deadline) {
  const auto end = log_->end_offset();
  return end.ok() ? log_->WaitDurable(*end, deadline) : end.status();
}

bool StateLog::IsSnapshotDue() const {
  if (log_ == nullptr) return false;
  const bool is_full = appended_ > kFullBytes && log_->lacks_reserve();
  return is_full || appended_ > std::max(kMinBytes, kGrowth * snapshot_bytes_);
}

absl::Status StateLog::AppendSnapshot(std::span<const Record> records) {
  snapshot_bytes_ = 0;
  while (!records.empty()) {
    // Together no more than a batch should have, or one alone that is larger.
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    do {
      bytes += BytesOf(records[count++]);
    } while (count != records.size() && bytes + BytesOf(records[count]) <= kBatchBytes);
    snapshot_bytes_ += bytes;
    const auto appended = log_->AppendBatchUnsynced(records.first(count));
    if (!appended.ok()) return appended.status();
    records = records.subspan(count);
  }
  return absl::OkStatus();
}

void StateLog::SetSnapshotBytes(std::uint64_t bytes) {
  snapshot_bytes_ = bytes;
  appended_ -= std::min(appended_, bytes);
}

}  // namespace daybook::inline v1
