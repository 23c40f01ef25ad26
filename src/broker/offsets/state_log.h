#ifndef DAYBOOK_BROKER_OFFSETS_STATE_LOG_H_
#define DAYBOOK_BROKER_OFFSETS_STATE_LOG_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/topics/catalog.h"
#include "daybook/record.h"
#include "daybook/record_batch.h"
#include "log/log_context.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// The one partition of an internal topic that a state is kept in: the last record of each key
// counts. It is read from its beginning, appended to, and now and then all that counts is written
// down once more (a snapshot), after which what was before can be dropped. Its owner's lock guards
// it.
class StateLog {
 public:
  // `catalog` must outlive this. `segment_bytes`: small, since only whole segments are dropped.
  StateLog(Catalog& catalog, std::string_view topic, std::int64_t segment_bytes)
      : catalog_(catalog), topic_(topic), segment_bytes_(segment_bytes) {}

  // Null until it was opened, and after Close.
  const std::shared_ptr<PartitionLog>& log() const { return log_; }
  // Opens it; false: nobody has ever made the topic.
  absl::StatusOr<bool> Open();
  absl::Status OpenOrCreate();
  void Close();

  // --- Reading ----------------------------------------------------------------------------------

  // The next records; none: that was all.
  absl::StatusOr<RecordBatch> ReadNext() { return log_->Read(cursor_, ReadOptions{}); }
  // Begins with what there is now.
  absl::Status Rewind();
  // Keeps no segment that may be dropped.
  void ReleaseReader() { cursor_.segment = nullptr; }
  void NoteRead(const RecordView& record) {
    appended_ += record.key.value_or("").size() + record.value.size() + frame::kFrameHeaderBytes;
  }

  // --- Appending; acknowledged at kProcess ------------------------------------------------------

  absl::StatusOr<Offset> Append(std::string_view key, std::string_view value) {
    appended_ += key.size() + value.size() + frame::kFrameHeaderBytes;
    return log_->AppendUnsynced({.key = key,
                                 .value = value,
                                 .headers = {},
                                 .timestamp = std::nullopt,
                                 .partition = std::nullopt});
  }
  // As one batch: after a crash all of them are there, or none.
  absl::Status AppendBatch(std::span<const Record> records);
  // For the value of a record, so that it takes no memory.
  std::string* buffer() { return &buffer_; }

  // Waits until all that was appended survives a power cut.
  absl::Status WaitDurable(std::chrono::steady_clock::time_point deadline);

  // --- Snapshots --------------------------------------------------------------------------------

  // Whether so much was appended since the last one, or so little room is left, that it pays.
  bool IsSnapshotDue() const;
  // Not at once again, when this one fails.
  void StartSnapshot() { appended_ = 0; }
  // The records of a snapshot, in batches.
  absl::Status AppendSnapshot(std::span<const Record> records);
  // What was read is as if it had been appended since a snapshot of so many bytes.
  void SetSnapshotBytes(std::uint64_t bytes);

 private:
  Catalog& catalog_;
  const std::string topic_;
  const std::int64_t segment_bytes_;
  std::shared_ptr<PartitionLog> log_;
  Cursor cursor_{};
  std::string buffer_;
  std::uint64_t appended_ = 0;  // bytes beside the last snapshot
  std::uint64_t snapshot_bytes_ = 0;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_STATE_LOG_H_
