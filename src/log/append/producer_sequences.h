#ifndef DAYBOOK_LOG_APPEND_PRODUCER_SEQUENCES_H_
#define DAYBOOK_LOG_APPEND_PRODUCER_SEQUENCES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "daybook/format/frame.h"
#include "daybook/offset.h"
#include "daybook/record.h"
#include "log/append/active_segment.h"
#include "log/append/producer_state.h"
#include "log/read/log_reader.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// The records of named producers in a log, which are appended once however often they are sent.
// What is known of the producers comes from the log itself, so that one sync makes both durable:
// records name their producer, and the newest hint beside a sealed segment says what was before
// it. Thread-safe.
//
// Invariant: of each producer the sequences in the log rise. mutex_ is held from the look whether a
// sequence is new until it is appended; it comes before all other locks of the log.
class ProducerSequences {
 public:
  // What it appends to and reads. `ahead_mutex`: of the log's SegmentPreparer.
  struct Log {
    SegmentStore& segments;
    LogReader& reader;
    ActiveSegment& active;
    Mutex& ahead_mutex;
    std::function<absl::StatusOr<Offset>(const Record&, const frame::ProducerSequence&)> append;
    // Returns when all before that offset is committed.
    std::function<absl::Status(Offset, std::chrono::steady_clock::time_point)> await_committed;
  };

  // All of `log` must outlive this. Nothing is read before the first call.
  explicit ProducerSequences(Log log) : log_(std::move(log)) {}

  // See PartitionLog, whose calls these are.
  absl::StatusOr<Offset> Append(const Record& record, const frame::ProducerSequence& sequence)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::optional<Offset>> Find(std::string_view key,
                                             const frame::ProducerSequence& wanted)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::optional<ProducerState::Last>> Last(std::uint64_t producer)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Learns of all producers what there is in the log.
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes in the newest hint that is valid and accepted; returns the offset before which it knows
  // all: the beginning of the log if there is none.
  absl::StatusOr<Offset> LoadHint(ProducerState& state,
                                  const std::function<bool(const ProducerState&)>& accept)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(log_.segments.mutex());
  // If the record at `offset` is the first sequenced one in its segment: leaves a hint beside the
  // segment before it. Before that record is noted.
  void LeaveHint(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Offset> OffsetOf(const frame::ProducerSequence& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows the sequenced records in [begin, end), as far as they are committed, until false comes.
  using Visitor = std::function<bool(Offset offset, const frame::ProducerSequence&)>;
  absl::Status Visit(Offset begin, Offset end, const Visitor& visitor);

  const Log log_;
  Mutex mutex_{LockOrder::kProducerSequences};
  ProducerState producers_ ABSL_GUARDED_BY(mutex_);
  std::optional<Offset> end_ ABSL_GUARDED_BY(mutex_);  // all before it is known
  // The segment with the last sequenced record; there is a hint beside the one before it.
  Offset last_base_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_PRODUCER_SEQUENCES_H_
