#include "broker/offsets/offset_replay.h"

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {

absl::Status OffsetReplay::Survey(PartitionLog& log) {
  std::optional<Snapshot> snapshot;
  IdSet parts;
  const auto begin = log.begin_offset();
  if (!begin.ok()) return begin.status();
  LostTransactions lost;
  std::string boot;  // of the process that wrote what follows
  Cursor cursor{.offset = *begin, .segment = nullptr, .position = 0};
  for (;;) {
    const auto batch = log.Read(cursor, ReadOptions{});
    if (!batch.ok()) return batch.status();
    if (batch->empty()) break;
    for (const RecordView& record : *batch) {
      if (record.key.value_or("").substr(0, 1) != std::string_view("\0", 1)) continue;
      auto decoded = DecodeOffsetRecord(record);
      if (!decoded) continue;
      if (const auto* open = std::get_if<OpenRecord>(&*decoded)) {
        boot = open->boot;
        parts = IdSet();
      } else if (const auto* decision = std::get_if<DecisionRecord>(&*decoded)) {
        if (boot != boot_) lost.Note(*decision);
      } else if (const auto* committed = std::get_if<CommittedRecord>(&*decoded)) {
        parts.AddAll(committed->ids);
        if (committed->is_part) continue;
        snapshot = Snapshot{.at = record.offset, .ids = std::exchange(parts, IdSet())};
        lost.ForgetAll();
      }
    }
  }
  surveyed_end_ = cursor.offset;
  if (auto status = lost.Find(catalog_); !status.ok()) return status;
  lost_ = std::move(lost);
  snapshot_ = std::move(snapshot);
  return absl::OkStatus();
}

absl::StatusOr<bool> OffsetReplay::IsWhole(const DecisionRecord& decision, Offset at) {
  if (writer_.boot == boot_ || IsPlanted(PlantedBug::kTornTransactionIsCommitted)) return true;
  if (at < surveyed_end_) return !lost_.Contains(decision);
  for (const Participant& one : decision.participants) {
    const auto is_there = LostTransactions::IsThere(catalog_, one, decision.id);
    if (!is_there.ok() || !*is_there) return is_there;
  }
  return true;
}

void OffsetReplay::NoteWriter() {
  needs_recovery_ = needs_recovery_ || (!writer_.boot.empty() && writer_.boot != boot_);
}

absl::Status OffsetReplay::Apply(const RecordView& record, CommittedOffsets& offsets) {
  auto decoded = DecodeOffsetRecord(record);
  if (!decoded && !IsControlRecord(record)) {
    // Of a program that wrote where it must not, or of a later version.
    foreign_records_.fetch_add(1, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  if (!decoded) {
    error_ = absl::DataLossError(absl::StrCat(std::string(kOffsetsTopic), ": the record at ",
                                              record.offset.value(), " is not one of ours"));
  } else {
    error_ = ApplyDecoded(*std::move(decoded), record, offsets);
  }
  return error_;
}

absl::Status OffsetReplay::ApplyDecoded(OffsetRecord decoded, const RecordView& record,
                                        CommittedOffsets& offsets) {
  if (!std::holds_alternative<PlaceRecord>(decoded)) {
    if (auto status = CheckDecided(); !status.ok()) return status;
  }
  NoteWriter();
  if (const auto* open = std::get_if<OpenRecord>(&decoded)) {
    writer_ = *open;
    parts_ = IdSet();
    decisions_.StartEpoch(open->epoch);
  } else if (auto* committed = std::get_if<CommittedRecord>(&decoded)) {
    parts_.AddAll(committed->ids);
    if (committed->is_part) return absl::OkStatus();
    decisions_.LearnCommitted(std::exchange(parts_, IdSet()));
    undurable_.Clear();
    SetRecovered();
  } else if (auto* decision = std::get_if<DecisionRecord>(&decoded)) {
    deciding_ = Deciding{.decision = std::move(*decision),
                         .at = record.offset,
                         .when = record.timestamp,
                         .offsets = {}};
  } else if (deciding_) {
    deciding_->offsets.push_back(std::get<PlaceRecord>(std::move(decoded)));
  } else {
    auto& place = std::get<PlaceRecord>(decoded);
    // Who forgets an offset does not go on from it, nor does who commits after that.
    if (!place.offset) rolled_back_offsets_.erase(place.key);
    if (rolled_back_offsets_.count(place.key) == 0) offsets.Set(std::move(place), record.timestamp);
  }
  if (!deciding_ ||
      static_cast<std::int64_t>(deciding_->offsets.size()) != deciding_->decision.places) {
    return absl::OkStatus();
  }
  return ApplyDecision(*std::exchange(deciding_, std::nullopt), offsets);
}

absl::Status OffsetReplay::CheckDecided() const {
  if (!deciding_) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      std::string(kOffsetsTopic), ": the decision at ", deciding_->at.value(), " is about ",
      deciding_->decision.places, " places, and ", deciding_->offsets.size(), " of them follow"));
}

absl::Status OffsetReplay::ApplyDecision(const Deciding& read, CommittedOffsets& offsets) {
  const DecisionRecord& decision = read.decision;
  bool is_committed = false;
  if (snapshot_ && read.at < snapshot_->at) {
    is_committed = snapshot_->ids.Contains(decision.id);
  } else {
    const auto is_whole = IsWhole(decision, read.at);
    if (!is_whole.ok()) return is_whole.status();
    is_committed = *is_whole;
    for (const PlaceRecord& place : read.offsets) {
      is_committed = is_committed && rolled_back_offsets_.count(place.key) == 0;
    }
  }
  if (is_committed) {
    // Those that a snapshot names were durable when that was made.
    if (IsBehindSnapshot(read.at)) {
      for (const Participant& one : decision.participants) undurable_.Note(one);
    }
    decisions_.LearnCommitted(decision.id);
  }
  for (const PlaceRecord& place : read.offsets) {
    if (is_committed) {
      offsets.Set(place, read.when);
    } else if (IsBehindSnapshot(read.at)) {
      rolled_back_offsets_.insert(place.key);
    }
  }
  return absl::OkStatus();
}

absl::Status OffsetReplay::Finish() {
  error_ = CheckDecided();
  if (error_.ok()) NoteWriter();
  return error_;
}

void OffsetReplay::Restart() {
  deciding_.reset();
  rolled_back_offsets_.clear();
}

void OffsetReplay::SetRecovered() {
  rolled_back_offsets_.clear();
  needs_recovery_ = false;
}

}  // namespace daybook::inline v1
