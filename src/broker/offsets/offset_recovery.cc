#include <chrono>

#include "base/deadline.h"
#include "base/planted_bug.h"
#include "broker/offsets/offset_store.h"

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
absl::Status OffsetStore::Refresh() {
  if (!closed_.ok()) return closed_;
  if (is_loaded_) return absl::OkStatus();
  if (!replay_.error().ok()) return replay_.error();
  if (log_.log() == nullptr) {
    const auto is_there = log_.Open();
    if (!is_there.ok()) return is_there.status();
    if (!*is_there) {  // nothing was ever committed
      is_loaded_ = !context_.is_read_only;
      if (is_loaded_) decisions_.StartEpoch(1);
      return absl::OkStatus();
    }
  }
  if (auto status = Replay(); !status.ok() || context_.is_read_only) return status;
  return StartWriting();
}

absl::Status OffsetStore::Replay() {
  for (bool is_surveyed = replay_.has_surveyed() && context_.is_read_only;;) {
    if (!is_surveyed) {
      if (auto status = replay_.Survey(*log_.log()); !status.ok()) return status;
      is_surveyed = true;
    }
    const auto batch = log_.ReadNext();
    if (absl::IsOutOfRange(batch.status()) && context_.is_read_only) {
      // The process that writes has written down anew all that counts, and dropped the rest.
      if (auto status = log_.Rewind(); !status.ok()) return status;
      offsets_.Clear();
      replay_.Restart();
      is_surveyed = false;
      continue;
    }
    if (!batch.ok()) return batch.status();
    if (batch->empty()) return replay_.Finish();
    for (const RecordView& record : *batch) {
      log_.NoteRead(record);
      if (auto status = replay_.Apply(record, offsets_); !status.ok()) return status;
    }
  }
}

absl::Status OffsetStore::StartWriting() {
  decisions_.StartEpoch(replay_.next_epoch());
  is_loaded_ = true;
  std::uint64_t bytes = 0;
  for (const auto& [key, entry] : offsets_.entries()) {
    // One of a memory topic went with the process that committed it.
    if (entry->committed && IsInMemory(key)) entry->committed.reset();
    if (!entry->committed) continue;
    const auto& [offset, metadata] = *entry->committed;
    bytes += entry->encoded_key.size() + EncodePlace(offset, metadata, log_.buffer()).size();
  }
  log_.SetSnapshotBytes(bytes);
  log_.ReleaseReader();
  if (!replay_.needs_recovery()) return absl::OkStatus();
  const auto status = RecoverFromPowerCut();
  is_loaded_ = status.ok();
  return status;
}

absl::Status OffsetStore::RecoverFromPowerCut() {
  if (auto status = PrepareAppend(); !status.ok()) return status;
  // Behind what does not count, what does.
  for (const Key& key : replay_.rolled_back_offsets()) {
    const EntryPtr entry = offsets_.FindOrAdd(key);
    const std::optional<CommittedOffset> committed = entry->committed;
    const auto status = committed ? Append(*entry, committed->offset, committed->metadata)
                                  : MoveAll({{entry, std::nullopt}});
    if (!status.ok()) return status;
  }
  for (const auto& [key, entry] : offsets_.entries()) {
    if (!entry->committed) continue;
    const auto topic = catalog_.Find(key.topic);
    if (absl::IsNotFound(topic.status())) continue;
    if (!topic.ok()) return topic.status();
    if (topic->options().storage == Storage::kMemory || key.partition >= topic->partitions()) {
      continue;
    }
    const auto end = topic->partition(key.partition).end_offset();
    if (absl::IsNotFound(end.status())) continue;  // another process has deleted it
    if (!end.ok()) return end.status();
    if (entry->committed->offset <= *end || IsPlanted(PlantedBug::kPlacesPastTheEnd)) continue;
    const std::string metadata = entry->committed->metadata;
    if (auto status = Store(*entry, *end, metadata); !status.ok()) return status;
  }
  replay_.SetRecovered();
  // All that counts was found on the disk.
  undurable_.Clear();
  absl::StatusOr<Offset> last = Offset();
  for (const EncodedRecord& one : Encode(CommittedRecord{.ids = decisions_.committed()})) {
    last = log_.Append(one.key, one.value);
    if (!last.ok()) return last.status();
  }
  // Should the power go again: a place that was drawn back must not come back when there are other
  // records before it.
  return log_.log()->WaitDurable(*last + 1, DeadlineAfter(kSyncTimeout));
}

}  // namespace daybook::inline v1
