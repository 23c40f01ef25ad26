#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "broker/offset_place.h"
#include "broker/offset_store.h"

// What counts of __consumer_offsets is little, however much was committed. When the log has become
// several times as large, or the disk is full, all of it is appended once more, synced, and the
// segments before that are dropped. Whoever reads the rest finds everything; after a crash in
// between it is there twice.

namespace daybook::inline v1 {
namespace {

// Not before so much was appended: to read it takes a few milliseconds.
constexpr std::uint64_t kMinBytes = std::uint64_t{8} << 20;
// And so many times what the last snapshot had.
constexpr std::uint64_t kGrowth = 4;
// On a full disk, each time that so much was appended: a fraction of the log's reserve.
constexpr std::uint64_t kFullBytes = std::uint64_t{32} << 10;
constexpr std::uint64_t kBatchBytes = std::uint64_t{256} << 10;
constexpr std::chrono::seconds kSyncTimeout{10};

}  // namespace

bool OffsetStore::TakeCompactionDue() {
  if (is_compaction_asked_for_ || log_ == nullptr) return false;
  const bool is_full = appended_ > kFullBytes && log_->lacks_reserve();
  if (!is_full && appended_ <= std::max(kMinBytes, kGrowth * snapshot_bytes_)) return false;
  return is_compaction_asked_for_ = true;
}

void OffsetStore::CompactSoon() try {
  std::shared_ptr<PartitionLog> log;
  {
    MutexLock lock(mutex_);
    if (log_ == nullptr) return;  // it was closed meanwhile
    log = log_;
  }
  // Commits could fill what is left before somebody else comes to it.
  if (log->lacks_reserve()) return CompactUnasked();
  background_.SyncSoon(std::move(log), Offset(0), [this](const absl::Status& status, Offset) {
    // Cancelled: there is no broker any more. Any other error is that of somebody else's sync.
    if (!absl::IsCancelled(status)) CompactUnasked();
  });
} catch (const std::bad_alloc&) {
  // What was committed is, all the same.
  MutexLock lock(mutex_);
  is_compaction_asked_for_ = false;
}

void OffsetStore::CompactUnasked() try {
  // Nothing is lost when it cannot be done; it is tried again when as much was appended.
  Compact().IgnoreError();
} catch (const std::bad_alloc&) {
  MutexLock lock(mutex_);
  is_compaction_asked_for_ = false;
}

absl::Status OffsetStore::AppendSnapshot() {
  std::vector<EncodedRecord> encoded = {Encode(ThisOpen())};
  for (EncodedRecord& one : Encode(CommittedRecord{.ids = decisions_.committed()})) {
    encoded.push_back(std::move(one));
  }
  std::vector<Timestamp> times(encoded.size());
  for (const auto& [key, place] : places_) {
    if (!place->committed || place->is_in_memory == true) continue;
    const auto& [offset, metadata] = *place->committed;
    encoded.push_back({place->encoded_key, std::string(EncodePlace(offset, metadata, &buffer_))});
    times.push_back(place->when);
  }
  std::vector<Record> batch;
  std::uint64_t bytes = 0;
  const auto append = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    if (batch.empty()) return absl::OkStatus();
    snapshot_bytes_ += bytes;
    bytes = 0;
    auto appended = log_->AppendBatchUnsynced(batch);
    batch.clear();
    return appended.status();
  };
  snapshot_bytes_ = 0;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    Record record{.key = encoded[i].key,
                  .value = encoded[i].value,
                  .headers = {},
                  .timestamp = std::nullopt,
                  .partition = std::nullopt};
    if (times[i] != Timestamp()) record.timestamp = times[i];
    batch.push_back(record);
    bytes += encoded[i].key.size() + encoded[i].value.size();
    if (bytes < kBatchBytes) continue;
    if (auto status = append(); !status.ok()) return status;
  }
  return append();
}

void OffsetStore::NoteUnsettled(const Participant& one) {
  Offset& last = unsettled_[LostTransactions::KeyOf(one)];
  last = std::max(last, one.last_frame);
}

absl::Status OffsetStore::Settle(const Unsettled& frames,
                                 std::chrono::steady_clock::time_point deadline) {
  for (const auto& [key, last_frame] : frames) {
    const auto log = LostTransactions::LogOf(catalog_, key);
    if (!log.ok()) return log.status();
    if (*log == nullptr) continue;
    const auto end = (*log)->end_offset();
    if (!end.ok()) return end.status();
    // Of a topic whose id is not known it may be another one's.
    if (last_frame >= *end && key.topic_id != 0) {
      return absl::UnavailableError(absl::StrCat(
          (*log)->name().directory(), ": a transaction wrote at ", last_frame.value(),
          ", and something before that is not committed yet; what it has decided is kept"));
    }
    if (auto status = (*log)->WaitDurable(*end, deadline); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status OffsetStore::Compact() {
  const auto deadline = std::chrono::steady_clock::now() + kSyncTimeout;
  MutexLock compact_lock(compact_mutex_);
  Unsettled settled;
  {
    MutexLock lock(mutex_);
    is_compaction_asked_for_ = false;
    appended_ = 0;  // not at once again, when it fails
    if (auto status = Refresh(); !status.ok() || log_ == nullptr) return status;
    settled = unsettled_;
  }
  // Who drops the decisions with their participants promises that these are there. The long part
  // of that is done while others commit.
  if (auto status = Settle(settled, deadline); !status.ok()) return status;
  std::shared_ptr<PartitionLog> log;
  Offset begin;
  Offset end;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    std::erase_if(unsettled_, [&](const auto& one) {
      const auto before = settled.find(one.first);
      return before != settled.end() && before->second == one.second;
    });
    if (auto status = Settle(unsettled_, deadline); !status.ok()) return status;
    unsettled_.clear();
    const auto first = log_->end_offset();
    if (!first.ok()) return first.status();
    if (auto appended = AppendSnapshot(); !appended.ok()) return appended;
    has_noted_open_ = true;
    const auto last = log_->end_offset();
    if (!last.ok()) return last.status();
    log = log_;
    begin = *first;
    end = *last;
  }
  if (auto status = log->WaitDurable(end, deadline); !status.ok()) return status;
  return log->DropBefore(begin);
}

}  // namespace daybook::inline v1
