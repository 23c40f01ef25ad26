#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "broker/offsets/offset_store.h"

// What counts of __consumer_offsets is little, however much was committed. When the log has become
// several times as large, or the disk is full, all of it is appended once more, synced, and the
// segments before that are dropped. Whoever reads the rest finds everything; after a crash in
// between it is there twice.

namespace daybook::inline v1 {
namespace {

// The commit that makes a compaction due waits for it.
constexpr std::chrono::seconds kCompactionTimeout{10};

}  // namespace

bool OffsetStore::TakeCompactionDue() {
  if (is_compaction_asked_for_ || !log_.IsSnapshotDue()) return false;
  return is_compaction_asked_for_ = true;
}

void OffsetStore::CompactSoon() try {
  std::shared_ptr<PartitionLog> log;
  {
    MutexLock lock(mutex_);
    if (log_.log() == nullptr) return;  // it was closed meanwhile
    log = log_.log();
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
  for (const auto& [key, entry] : offsets_.entries()) {
    if (!entry->committed || entry->is_in_memory == true) continue;
    const auto& [offset, metadata] = *entry->committed;
    encoded.push_back(
        {entry->encoded_key, std::string(EncodePlace(offset, metadata, log_.buffer()))});
    times.push_back(entry->when);
  }
  std::vector<Record> records;
  records.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    Record record{.key = encoded[i].key, .value = encoded[i].value};
    if (times[i] != Timestamp()) record.timestamp = times[i];
    records.push_back(record);
  }
  return log_.AppendSnapshot(records);
}

absl::Status OffsetStore::Compact() {
  const auto deadline = std::chrono::steady_clock::now() + kCompactionTimeout;
  MutexLock compact_lock(compact_mutex_);
  UndurableParticipants before;
  {
    MutexLock lock(mutex_);
    is_compaction_asked_for_ = false;
    log_.StartSnapshot();
    if (auto status = Refresh(); !status.ok() || log_.log() == nullptr) return status;
    before = undurable_;
  }
  // Who drops the decisions with their participants promises that these are there. The long part
  // of that is done while others commit.
  if (auto status = before.WaitDurable(catalog_, deadline); !status.ok()) return status;
  std::shared_ptr<PartitionLog> log;
  Offset begin;
  Offset end;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    undurable_.Remove(before);
    if (auto status = undurable_.WaitDurable(catalog_, deadline); !status.ok()) return status;
    undurable_.Clear();
    log = log_.log();
    const auto first = log->end_offset();
    if (!first.ok()) return first.status();
    if (auto appended = AppendSnapshot(); !appended.ok()) return appended;
    has_noted_open_ = true;
    const auto last = log->end_offset();
    if (!last.ok()) return last.status();
    begin = *first;
    end = *last;
  }
  if (auto status = log->WaitDurable(end, deadline); !status.ok()) return status;
  return log->DropBefore(begin);
}

}  // namespace daybook::inline v1
