#include "log/store/file_store.h"

#include <algorithm>
#include <utility>

#include "base/no_memory.h"
#include "log/store/log_part.h"
#include "log/store/log_start.h"

namespace daybook::inline v1 {

FileStore::FileStore(const LogContext& context, const PartitionName& name,
                     std::uint32_t max_frame_bytes, RecoveryCounters& counters,
                     OnRecovered on_recovered)
    : SegmentStore(context, name, context.limits),
      max_frame_bytes_(max_frame_bytes),
      counters_(counters),
      on_recovered_(std::move(on_recovered)) {}

absl::Status FileStore::EnsureOpen() {
  if (!deletion().ok()) return deletion();
  if (is_open()) return absl::OkStatus();
  NoMemoryLeft();
  // From here on an open claim may be one of ours.
  if (context().lock != nullptr) {
    const auto status = context().lock->ShowInUse(PartOf(name()));
    if (!status.ok()) return status;
  }
  const auto opened = directory().Open();
  if (absl::IsNotFound(opened.status())) {  // nothing was ever appended
    SetOpen();
    return absl::OkStatus();
  }
  if (!opened.ok()) return opened.status();
  return Recover(**opened);
}

absl::Status FileStore::Recover(Directory& directory) {
  auto log = RecoverLog(directory, {.context = context(),
                                    .name = name(),
                                    .max_frame_bytes = max_frame_bytes_,
                                    .counters = counters_});
  if (!log.ok()) return log.status();
  Adopt(std::exchange(log->slots, {}));
  SetNextBase(log->next_base);
  SetLeaderEpoch(log->leader_epoch);
  // A damaged one deletes nothing: `verify` tells of it.
  const auto start =
      log->has_start_file ? ReadLogStart(directory) : absl::StatusOr<Offset>(Offset());
  if (!start.ok() && !absl::IsDataLoss(start.status())) return start.status();
  if (start.ok() && log->refusal.ok() && *start > next_base()) {
    // The log has lost its end: what is appended there next must not be deleted by the next open.
    const auto status = WriteLogStart(directory, next_base());
    if (!status.ok()) return status;
    bounds().RaiseStart(next_base());
  } else if (start.ok()) {
    bounds().RaiseStart(*start);
  }
  if (!log->refusal.ok()) RefuseWrites(log->refusal);
  SetOpen();
  counters_.partitions_opened.fetch_add(1, std::memory_order_relaxed);
  on_recovered_(*log);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Segment>> FileStore::OpenAt(std::size_t index) {
  SegmentSlot& slot = SlotAt(index);
  Touch(slot);
  if (slot.segment != nullptr) return slot.segment;
  const auto opened = directory().Open();
  if (!opened.ok()) return opened.status();
  // What is synced notes so in its header.
  return OpenFile(**opened, slot, slot.is_durable ? MapAccess::kRead : MapAccess::kReadWrite);
}

bool FileStore::MayUnmap(SegmentSlot& slot) {
  Segment& segment = *slot.segment;
  const auto sealed = segment.sealed_end();
  if (!sealed || segment.CommittedEnd() != *sealed) return false;
  slot.is_durable = slot.is_durable || segment.is_durable();
  // Says where the seal is. Once the topic is deleted, the file may be another process's.
  if (!slot.is_durable && deletion().ok()) segment.Checkpoint(context().boot);
  return true;
}

void FileStore::MarkDeleted(const absl::Status& why) {
  SegmentStore::MarkDeleted(why);
  if (is_open() && context().lock != nullptr) context().lock->ShowUnused(PartOf(name()));
}

}  // namespace daybook::inline v1
