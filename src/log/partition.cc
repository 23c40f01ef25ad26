#include "daybook/partition.h"

#include <utility>

#include "base/deadline.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

Partition::Partition(std::shared_ptr<PartitionLog> log) : log_(std::move(log)) {}
Partition::~Partition() = default;
Partition::Partition(Partition&&) noexcept = default;
Partition& Partition::operator=(Partition&&) noexcept = default;

std::string_view Partition::topic() const { return log_->name().topic(); }
int Partition::id() const { return log_->name().partition(); }

absl::StatusOr<Offset> Partition::AppendBatch(std::span<const Record> records,
                                              AppendOptions options) {
  if (!log_->is_open_to_users()) [[unlikely]]
    return log_->RefusalOfUsers();
  return log_->AppendBatch(records, options.durability);
}

absl::StatusOr<RecordClaim> Partition::Claim(const ClaimOptions& options) {
  if (!log_->is_open_to_users()) [[unlikely]]
    return log_->RefusalOfUsers();
  return log_->Claim(options);
}

absl::StatusOr<RecordBatch> Partition::Read(Offset from, ReadOptions options) {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  Cursor cursor{.offset = from, .segment = nullptr, .position = 0};
  return log_->Read(cursor, options);
}

absl::StatusOr<RecordBatch> Partition::ReadBackwards(Offset before, ReadOptions options) {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->ReadBackwards(before, options);
}

absl::StatusOr<Offset> Partition::NextReadable(Offset damaged) {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->NextReadable(damaged);
}
absl::StatusOr<Offset> Partition::OffsetForTime(Timestamp time) {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->OffsetForTime(time);
}
absl::StatusOr<Offset> Partition::begin_offset() {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->begin_offset();
}
absl::StatusOr<Offset> Partition::end_offset() {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->end_offset();
}
absl::StatusOr<Offset> Partition::durable_offset() {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->durable_offset();
}

absl::Status Partition::WaitDurable(Offset end, TimeSpan timeout) {
  if (auto status = log_->process().Check(); !status.ok()) return status;
  return log_->WaitDurable(end, DeadlineAfter(timeout));
}

}  // namespace daybook::inline v1
