#include "log/partition_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "log/store/make_store.h"

namespace daybook::inline v1 {

PartitionLog::PartitionLog(const LogContext& context, const PartitionName& name,
                           const LogSettings& settings, RecoveryCounters& counters,
                           std::shared_ptr<TopicCompressor> compressor)
    : context_(context),
      settings_(settings),
      compressor_(std::move(compressor)),
      memory_(settings.memory ? std::make_unique<MemoryRing>(context, name, settings_) : nullptr),
      store_(MakeStore(context, name, settings_, counters,
                       [this](const RecoveredLog& log)
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex()) { Recovered(log); })),
      segments_(*store_),
      files_(context, settings_, segments_.directory(), *this),
      active_(context, memory_ ? static_cast<SegmentSource&>(*memory_) : files_, waiters_),
      reader_(segments_, settings.is_internal, *compressor_, counters),
      sequences_({.segments = segments_,
                  .reader = reader_,
                  .active = active_,
                  .ahead_mutex = files_.preparer().mutex(),
                  .append =
                      [this](const Record& record, const frame::ProducerSequence& producer) {
                        return AppendFromProducer(record, producer);
                      },
                  .await_committed =
                      [this](Offset end, SyncableLog::Time deadline) {
                        return AwaitCommitted(end, deadline);
                      }}),
      syncer_(segments_),
      group_commit_(segments_.name(), *this) {}

PartitionLog::~PartitionLog() = default;

void PartitionLog::Recovered(const RecoveredLog& log) {
  group_commit_.SetDurableEnd(log.durable_end);
  if (log.active != nullptr) active_.Resume(segments_, *log.active);
  if (log.to_trim != nullptr) files_.Sealed(segments_, log.to_trim);
  if (!segments_.empty()) KeepReserve(settings_.least_reserve_bytes());
}

std::unique_ptr<ReadMark> PartitionLog::Mark(Offset offset) {
  if (memory_ == nullptr || !memory_->keeps_unread()) return nullptr;
  return std::make_unique<ReadMark>(shared_from_this(), *memory_, segments_, offset);
}

absl::Status PartitionLog::StartEpoch(std::uint32_t epoch) {
  MutexLock lock(segments_.mutex());
  if (const auto status = segments_.WritableStatus(); !status.ok()) return status;
  if (const auto status = segments_.EnsureOpen(); !status.ok()) return status;
  if (epoch < segments_.leader_epoch()) {
    return absl::FailedPreconditionError(absl::StrCat(name().directory(), ": leader epoch ", epoch,
                                                      " is over; it is ", segments_.leader_epoch(),
                                                      " now"));
  }
  if (epoch == segments_.leader_epoch()) return absl::OkStatus();
  segments_.SetLeaderEpoch(epoch);
  active_.Roll(segments_);
  return absl::OkStatus();
}

void PartitionLog::NeedsWorkAhead() {
  if (!context_.background.request_work_ahead) return;
  if (background_.has_requested_work.load(std::memory_order_relaxed)) return;
  if (!background_.has_requested_work.exchange(true)) context_.background.request_work_ahead(*this);
}

void PartitionLog::HasBegunSegment() {
  if (context_.background.on_segment) context_.background.on_segment(*this);
}

void PartitionLog::DiskIsFull() {
  if (context_.background.on_disk_full) context_.background.on_disk_full();
}

bool PartitionLog::WorkAhead() {
  background_.has_requested_work.store(false);
  MutexLock ahead_lock(files_.preparer().mutex());
  std::shared_ptr<Segment> active;
  {
    MutexLock lock(segments_.mutex());
    if (!segments_.refusal().ok()) return false;
    if (active_.segment() != nullptr) active = segments_.back().segment;
  }
  if (context_.background.before_work) context_.background.before_work(*this);
  if (active != nullptr && files_.preparer().WorkAheadOf(segments_, active)) return true;
  if (compressor_->is_training_due()) {
    compressor_->Train().IgnoreError();  // then there is none; records stay larger
    return true;
  }
  return files_.preparer().TrimOne(segments_);
}

void PartitionLog::KeepReserve(std::uint64_t least_bytes) {
  if (!segments_.WritableStatus().ok()) return;
  files_.preparer().KeepReserve(segments_, active_.segment(), least_bytes);
}

std::size_t PartitionLog::gates_left() {
  MutexLock lock(segments_.mutex());
  return segments_.gates_left();
}

}  // namespace daybook::inline v1
