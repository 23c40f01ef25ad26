#include "log/store/recover_log.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/planted_bug.h"
#include "log/store/log_start.h"
#include "log/store/replace_segments.h"
#include "segment/prepared_file.h"

namespace daybook::inline v1 {
namespace {

// One recovery of one log.
class LogRecovery {
 public:
  LogRecovery(Directory& directory, const RecoverLogOptions& options)
      : directory_(directory),
        context_(options.context),
        name_(options.name),
        max_frame_bytes_(options.max_frame_bytes),
        counters_(options.counters) {}

  absl::StatusOr<RecoveredLog> Run();

 private:
  // A segment as it is, for reading.
  absl::StatusOr<std::shared_ptr<Segment>> Look(Offset base);
  // How many segments at the beginning need no recovery: the last one, made in this boot, knows
  // that they were whole. Learns which are durable.
  std::size_t CountNeedingNoRecovery();
  // How many at the beginning a power cut has taken nothing of: one behind them was synced after
  // them, or made since the machine was started. What is missing there is damage.
  std::size_t CountKnownComplete();
  // What a recovered segment means for the log.
  void Take(std::size_t index, const std::shared_ptr<Segment>& segment,
            const SegmentRecovery& recovery);
  // Notes that a segment is damaged: readers are told, and all others stay readable. Appends go on
  // behind it, if it is known where that is.
  void TakeDamaged(std::size_t index, bool was_opened, const absl::Status& why);
  // Appends go on in that segment, or it is sealed.
  void TakeWritable(SegmentSlot& slot, const std::shared_ptr<Segment>& segment);
  // Removes what was built upon records that a power cut took.
  absl::Status DropFrom(std::size_t index);

  bool IsLast(std::size_t index) const { return index + 1 == log_.slots.size(); }

  Directory& directory_;
  const LogContext& context_;
  const PartitionName& name_;
  const std::uint32_t max_frame_bytes_;
  RecoveryCounters& counters_;
  RecoveredLog log_;
  bool is_durable_so_far_ = true;
};

absl::StatusOr<std::shared_ptr<Segment>> LogRecovery::Look(Offset base) {
  auto segment = Segment::Open(directory_, name_, base, MapAccess::kRead);
  if (segment.ok()) (*segment)->Follow(context_.boot);
  return segment;
}

absl::StatusOr<RecoveredLog> LogRecovery::Run() {
  auto entries = directory_.List();
  if (!entries.ok()) return entries.status();
  const auto has_changed = FinishReplacements(directory_, *entries);
  if (!has_changed.ok()) return has_changed.status();
  if (*has_changed) entries = directory_.List();
  if (!entries.ok()) return entries.status();
  const auto bases = SegmentBases(directory_, *entries);
  if (!bases.ok()) return bases.status();
  for (const Offset base : *bases) log_.slots.push_back({.base_offset = base});
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name == kPreparedFile) RemovePreparedFile(directory_);  // left over from a crash
    log_.has_start_file = log_.has_start_file || entry.name == kLogStartFile;
  }
  const std::size_t settled = CountNeedingNoRecovery();
  // Nothing settled is known by a last segment of another boot.
  const std::size_t complete = settled == 0 ? CountKnownComplete() : log_.slots.size() - 1;
  is_durable_so_far_ = settled == 0 || log_.slots[settled - 1].is_durable;
  for (std::size_t i = settled; i < log_.slots.size(); ++i) {
    const Offset base = log_.slots[i].base_offset;
    auto opened = Segment::Open(directory_, name_, base, MapAccess::kReadWrite);
    if (absl::IsNotFound(opened.status())) {
      // Made before a power cut that took even its header: nothing in it was promised, nor in what
      // follows, unless that is durable.
      if (const auto status = DropFrom(i); !status.ok()) return status;
      if (log_.slots.size() > i) {
        return absl::DataLossError(std::string(opened.status().message()));
      }
      log_.next_base = std::max(log_.next_base, base);  // a foreign file may have any name
      break;
    }
    const auto next_base = IsLast(i) ? std::nullopt : std::optional(log_.slots[i + 1].base_offset);
    const auto recovery = opened.ok() ? (*opened)->Recover(directory_, context_.boot, next_base,
                                                           context_.clock->Now(), i < complete)
                                      : absl::StatusOr<SegmentRecovery>(opened.status());
    if (absl::IsDataLoss(recovery.status())) {
      TakeDamaged(i, opened.ok(), recovery.status());
      continue;
    }
    if (!recovery.ok()) return recovery.status();
    Take(i, *opened, *recovery);
    if (recovery->was_cut && !IsLast(i)) {
      if (const auto status = DropFrom(i + 1); !status.ok()) return status;
    }
  }
  return std::move(log_);
}

void LogRecovery::TakeDamaged(std::size_t index, bool was_opened, const absl::Status& why) {
  SegmentSlot& slot = log_.slots[index];
  is_durable_so_far_ = false;
  log_.next_base = IsLast(index) ? slot.base_offset : log_.slots[index + 1].base_offset;
  if (IsLast(index)) log_.refusal = why;
  slot.is_undecided = was_opened;
  slot.is_unsettled = true;
}

void LogRecovery::Take(std::size_t index, const std::shared_ptr<Segment>& segment,
                       const SegmentRecovery& recovery) {
  counters_.bytes_scanned += static_cast<std::int64_t>(recovery.scanned_bytes);
  counters_.claims_padded += recovery.claims_padded;
  counters_.torn_tail_bytes += static_cast<std::int64_t>(recovery.torn_bytes);
  log_.leader_epoch = std::max(log_.leader_epoch, segment->header().leader_epoch);
  SegmentSlot& slot = log_.slots[index];
  slot.is_durable = segment->is_durable();
  log_.next_base = segment->base_offset() + RecordsOf(segment->ClaimedEnd());
  if (is_durable_so_far_) {
    // A checkpoint that says more than there is was written by something else.
    Offset durable =
        segment->is_durable() ? log_.next_base : std::min(segment->durable_end(), log_.next_base);
    // What overlaps was written by something else.
    if (!IsLast(index)) durable = std::min(durable, log_.slots[index + 1].base_offset);
    log_.durable_end = durable;
    is_durable_so_far_ = segment->is_durable();
  }
  segment->file().Close();  // until something is appended or synced
  if (recovery.state == SegmentState::kWritable) TakeWritable(slot, segment);
}

void LogRecovery::TakeWritable(SegmentSlot& slot, const std::shared_ptr<Segment>& segment) {
  slot.segment = segment;
  slot.was_active = true;
  if (segment->header().max_frame_bytes >= max_frame_bytes_) {
    log_.active = segment;
    return;
  }
  // Of a topic with smaller records, before its settings were lost: nobody could read larger ones
  // there, so nobody gets to see its gate.
  const auto end = segment->CloseHere();
  if (!end) return;
  segment->Seal(*end, context_.clock->Now());
  segment->Checkpoint(context_.boot);
  log_.next_base = segment->base_offset() + RecordsOf(*end);
  log_.to_trim = segment;
}

std::size_t LogRecovery::CountNeedingNoRecovery() {
  if (log_.slots.size() < 2) return 0;
  const auto last = Look(log_.slots.back().base_offset);
  // Recovery deals with what it finds there.
  if (!last.ok() || !(*last)->IsOfBoot(context_.boot)) return 0;
  const Offset settled_before((*last)->header().settled_before);
  const auto end = std::lower_bound(
      log_.slots.begin(), log_.slots.end(), settled_before,
      [](const SegmentSlot& slot, Offset offset) { return slot.base_offset < offset; });
  const auto settled = static_cast<std::size_t>(end - log_.slots.begin());
  // Syncs go from the first on, and none was lost since the machine was started: all that are
  // durable come first. Mostly that is none, or all.
  std::size_t durable = 0;
  for (std::size_t high = settled; durable < high;) {
    std::size_t middle = durable + (high - durable) / 2;
    if (high == settled) middle = durable == 0 ? 0 : settled - 1;
    const auto segment = Look(log_.slots[middle].base_offset);
    if (segment.ok() && (*segment)->is_durable()) {
      durable = middle + 1;
      continue;
    }
    log_.durable_end =
        segment.ok() ? (*segment)->durable_end() : log_.slots[middle].base_offset;  // damaged
    high = middle;
  }
  for (std::size_t i = 0; i < durable; ++i) log_.slots[i].is_durable = true;
  return settled;
}

std::size_t LogRecovery::CountKnownComplete() {
  for (std::size_t i = log_.slots.size(); i > 1; --i) {
    const auto segment = Look(log_.slots[i - 1].base_offset);
    if (!segment.ok()) continue;
    const bool was_synced = (*segment)->durable_end() > (*segment)->base_offset();
    if (was_synced || (*segment)->IsOfBoot(context_.boot)) return i - 1;
  }
  return 0;
}

absl::Status LogRecovery::DropFrom(std::size_t index) {
  // A segment is synced only after all before it, so if one behind the cut is durable, the power
  // is not what took the records: it is damage, which readers report as a gap.
  for (std::size_t i = index; i < log_.slots.size(); ++i) {
    const auto segment = Look(log_.slots[i].base_offset);
    if (absl::IsNotFound(segment.status())) continue;
    if (absl::IsDataLoss(segment.status())) return absl::OkStatus();  // it may have been
    if (!segment.ok()) return segment.status();
    if (IsPlanted(PlantedBug::kDropsDurableSegments)) continue;
    // Nor did it if they are of this boot.
    if ((*segment)->durable_end() > (*segment)->base_offset() ||
        (*segment)->IsOfBoot(context_.boot)) {
      return absl::OkStatus();
    }
  }
  // The last one first: should the power go again, no hole is left in the middle.
  while (log_.slots.size() > index) {
    const auto status = RemoveSegmentFiles(directory_, log_.slots.back().base_offset);
    if (!status.ok()) return status;
    log_.slots.pop_back();
  }
  return directory_.Sync();
}

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(Directory& directory, const RecoverLogOptions& options) {
  return LogRecovery(directory, options).Run();
}

}  // namespace daybook::inline v1
