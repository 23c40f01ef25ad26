#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "broker/access.h"
#include "broker/offset_place.h"
#include "broker/offset_store.h"

// Reading __consumer_offsets, and what a power cut means for it.
//
// kill -9 takes nothing that was appended. A power cut takes the tail of each log that was not
// synced, and of each log another one: a decision may be there although records of its transaction
// are gone, a group's place although the records before it are. So decisions of an earlier boot
// count only if all that they decided upon is there; a place that stood in one that does not count
// stays where it was before, since the next ones went on from there, and they do not count either.
// And places are drawn back to the ends of their partitions. All of it happens before anything is
// appended to these partitions, since new records at the old offsets would hide what is missing;
// and what was found is written down, so that it is not looked for again.

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::seconds kSyncTimeout{30};

}  // namespace

absl::StatusOr<std::optional<OffsetStore::Snapshot>> OffsetStore::FindSnapshot() {
  std::optional<Snapshot> snapshot;
  IdSet parts;
  const auto begin = log_->begin_offset();
  if (!begin.ok()) return begin.status();
  LostTransactions lost;
  std::string boot;  // of who wrote what follows
  Cursor cursor{.offset = *begin, .segment = nullptr, .position = 0};
  for (;;) {
    const auto batch = log_->Read(cursor, ReadOptions{});
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
  return snapshot;
}

absl::StatusOr<bool> OffsetStore::IsWhole(const DecisionRecord& decision, Offset at) {
  if (writer_.boot == boot_ || IsPlanted(PlantedBug::kTornTransactionIsCommitted)) return true;
  if (at < surveyed_end_) return !lost_.Contains(decision);
  for (const Participant& one : decision.participants) {
    const auto is_there = LostTransactions::IsThere(catalog_, one, decision.id);
    if (!is_there.ok() || !*is_there) return is_there;
  }
  return true;
}

absl::Status OffsetStore::Apply(const RecordView& record, const std::optional<Snapshot>& snapshot) {
  auto decoded = DecodeOffsetRecord(record);
  if (!decoded && !IsControlRecord(record)) {
    // Of a program that wrote where it must not, or of a later version.
    foreign_records_.fetch_add(1, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  if (!decoded) {
    return absl::DataLossError(absl::StrCat(std::string(kOffsetsTopic), ": the record at ",
                                            record.offset.value(), " is not one of ours"));
  }
  if (!std::holds_alternative<PlaceRecord>(*decoded)) {
    if (auto status = CheckConcluded(); !status.ok()) return status;
  }
  needs_recovery_ = needs_recovery_ || (!writer_.boot.empty() && writer_.boot != boot_);
  if (const auto* open = std::get_if<OpenRecord>(&*decoded)) {
    writer_ = *open;
    parts_ = IdSet();
    decisions_.StartEpoch(open->epoch);
  } else if (auto* committed = std::get_if<CommittedRecord>(&*decoded)) {
    parts_.AddAll(committed->ids);
    if (committed->is_part) return absl::OkStatus();
    decisions_.LearnCommitted(std::exchange(parts_, IdSet()));
    unsettled_.clear();
    void_places_.clear();
    needs_recovery_ = false;
  } else if (auto* decision = std::get_if<DecisionRecord>(&*decoded)) {
    deciding_ = Deciding{.decision = std::move(*decision),
                         .at = record.offset,
                         .when = record.timestamp,
                         .places = {}};
  } else if (deciding_) {
    deciding_->places.push_back(std::get<PlaceRecord>(std::move(*decoded)));
  } else {
    auto& place = std::get<PlaceRecord>(*decoded);
    // Who forgets a place does not go on from it, nor does who commits after that.
    if (!place.offset) void_places_.erase(place.key);
    if (void_places_.count(place.key) == 0) Take(std::move(place), record.timestamp);
  }
  if (!deciding_ ||
      static_cast<std::int64_t>(deciding_->places.size()) != deciding_->decision.places) {
    return absl::OkStatus();
  }
  return Conclude(*std::exchange(deciding_, std::nullopt), snapshot);
}

absl::Status OffsetStore::CheckConcluded() const {
  if (!deciding_) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      std::string(kOffsetsTopic), ": the decision at ", deciding_->at.value(), " is about ",
      deciding_->decision.places, " places, and ", deciding_->places.size(), " of them follow"));
}

absl::Status OffsetStore::Conclude(const Deciding& read, const std::optional<Snapshot>& snapshot) {
  const DecisionRecord& decision = read.decision;
  bool is_committed = false;
  if (snapshot && read.at < snapshot->at) {
    is_committed = snapshot->ids.Contains(decision.id);
  } else {
    const auto is_whole = IsWhole(decision, read.at);
    if (!is_whole.ok()) return is_whole.status();
    is_committed = *is_whole;
    for (const PlaceRecord& place : read.places) {
      is_committed = is_committed && void_places_.count(place.key) == 0;
    }
  }
  if (is_committed) {
    // Those that a snapshot names were durable when that was made.
    if (!snapshot || read.at > snapshot->at) {
      for (const Participant& one : decision.participants) NoteUnsettled(one);
    }
    decisions_.LearnCommitted(decision.id);
  }
  for (const PlaceRecord& place : read.places) {
    if (is_committed) {
      Take(place, read.when);
    } else if (!snapshot || read.at > snapshot->at) {
      void_places_.insert(place.key);
    }
  }
  return absl::OkStatus();
}

void OffsetStore::Take(PlaceRecord record, Timestamp when) {
  std::shared_ptr<Place>& place = places_[record.key];
  if (place == nullptr) place = MakePlace(record.key);
  place->when = when;
  place->committed.reset();
  if (record.offset) {
    place->committed =
        CommittedOffset{.offset = *record.offset, .metadata = std::move(record.metadata)};
  }
}

absl::Status OffsetStore::ReadAnew() {
  const auto begin = log_->begin_offset();
  if (!begin.ok()) return begin.status();
  cursor_ = {.offset = *begin, .segment = nullptr, .position = 0};
  for (auto& [key, place] : places_) place->committed.reset();
  deciding_.reset();
  void_places_.clear();
  return absl::OkStatus();
}

absl::Status OffsetStore::Refresh() {
  if (!closed_.ok()) return closed_;
  if (is_loaded_) return absl::OkStatus();
  if (!broken_.ok()) return broken_;
  if (log_ == nullptr) {
    auto topic = catalog_.Find(kOffsetsTopic);
    if (absl::IsNotFound(topic.status())) {  // nothing was ever committed
      is_loaded_ = !context_.is_read_only;
      if (is_loaded_) decisions_.StartEpoch(1);
      return absl::OkStatus();
    }
    if (!topic.ok()) return topic.status();
    log_ = Access::Log(topic->partition(0)).shared_from_this();
    const auto begin = log_->begin_offset();
    if (!begin.ok()) return begin.status();
    cursor_ = {.offset = *begin, .segment = nullptr, .position = 0};
  }
  std::optional<Snapshot> snapshot;
  for (bool is_surveyed = surveyed_end_ != Offset(0) && context_.is_read_only;;) {
    if (!is_surveyed) {
      auto found = FindSnapshot();
      if (!found.ok()) return found.status();
      snapshot = *std::move(found);
      is_surveyed = true;
    }
    const auto batch = log_->Read(cursor_, ReadOptions{});
    if (absl::IsOutOfRange(batch.status()) && context_.is_read_only) {
      // The process that writes has written down anew all that counts, and dropped the rest.
      if (auto status = ReadAnew(); !status.ok()) return status;
      is_surveyed = false;
      continue;
    }
    if (!batch.ok()) return batch.status();
    if (batch->empty()) break;
    for (const RecordView& record : *batch) {
      appended_ += record.key.value_or("").size() + record.value.size() + frame::kFrameHeaderBytes;
      broken_ = Apply(record, snapshot);
      if (!broken_.ok()) return broken_;
    }
  }
  broken_ = CheckConcluded();
  if (!broken_.ok()) return broken_;
  if (context_.is_read_only) return absl::OkStatus();
  needs_recovery_ = needs_recovery_ || (!writer_.boot.empty() && writer_.boot != boot_);
  decisions_.StartEpoch(writer_.epoch + 1);
  is_loaded_ = true;
  ForgetPlacesInMemory();
  NoteBytesRead();
  cursor_.segment = nullptr;  // it would keep the blocks of one that is dropped
  if (!needs_recovery_) return absl::OkStatus();
  const auto status = RecoverFromPowerCut();
  is_loaded_ = status.ok();
  return status;
}

void OffsetStore::NoteBytesRead() {
  snapshot_bytes_ = 0;
  for (const auto& [key, place] : places_) {
    if (!place->committed) continue;
    const auto& [offset, metadata] = *place->committed;
    snapshot_bytes_ += place->encoded_key.size() + EncodePlace(offset, metadata, &buffer_).size();
  }
  appended_ -= std::min(appended_, snapshot_bytes_);
}

void OffsetStore::ForgetPlacesInMemory() {
  for (const auto& [key, place] : places_) {
    if (place->committed && IsInMemory(key)) place->committed.reset();
  }
}

absl::Status OffsetStore::RecoverFromPowerCut() {
  if (auto status = PrepareAppend(); !status.ok()) return status;
  // Behind what does not count, what does.
  for (const Key& key : void_places_) {
    const auto place = FindPlace(key);
    if (!place.ok()) return place.status();
    const std::optional<CommittedOffset> committed = (*place)->committed;
    const auto status = committed ? Append(**place, committed->offset, committed->metadata)
                                  : MoveAll({{*place, std::nullopt}});
    if (!status.ok()) return status;
  }
  for (const auto& [key, place] : places_) {
    if (!place->committed) continue;
    const auto topic = catalog_.Find(key.topic);
    if (absl::IsNotFound(topic.status())) continue;
    if (!topic.ok()) return topic.status();
    if (topic->options().storage == Storage::kMemory || key.partition >= topic->partitions()) {
      continue;
    }
    const auto end = topic->partition(key.partition).end_offset();
    if (!end.ok()) return end.status();
    if (place->committed->offset <= *end || IsPlanted(PlantedBug::kPlacesPastTheEnd)) continue;
    const std::string metadata = place->committed->metadata;
    if (auto status = Store(*place, *end, metadata); !status.ok()) return status;
  }
  void_places_.clear();
  needs_recovery_ = false;
  // All that counts was found on the disk.
  unsettled_.clear();
  absl::StatusOr<Offset> last = Offset();
  for (const EncodedRecord& one : Encode(CommittedRecord{.ids = decisions_.committed()})) {
    last = log_->AppendUnsynced({.key = one.key,
                                 .value = one.value,
                                 .headers = {},
                                 .timestamp = std::nullopt,
                                 .partition = std::nullopt});
    if (!last.ok()) return last.status();
  }
  // Should the power go again: a place that was drawn back must not come back when there are other
  // records before it.
  return log_->WaitDurable(*last + 1, std::chrono::steady_clock::now() + kSyncTimeout);
}

}  // namespace daybook::inline v1
