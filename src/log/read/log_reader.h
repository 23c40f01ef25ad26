#ifndef DAYBOOK_LOG_READ_LOG_READER_H_
#define DAYBOOK_LOG_READ_LOG_READER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/damage.h"
#include "daybook/partition.h"
#include "daybook/record_batch.h"
#include "log/log_context.h"
#include "log/read/log_transactions.h"
#include "log/read/open_batch.h"
#include "log/store/segment_store.h"
#include "log/topic_compressor.h"

namespace daybook::inline v1 {

// Where records are collected: before this offset, and the frame that holds it.
struct ReadBound {
  Offset offset{std::numeric_limits<std::int64_t>::max()};
  std::uint64_t position = std::numeric_limits<std::uint64_t>::max();
};

// Reads a log: finds the place of an offset, gathers records forwards and backwards, goes from one
// segment to the next, and says what is damaged. Of its own it has no more than a hint of the batch
// that was read last: who reads on is a Cursor's. Thread-safe; none of its calls is made with the
// log's lock held unless it says so.
class LogReader {
 public:
  using OpenBatchPtr = std::shared_ptr<const OpenBatch>;

  // All must outlive this. `is_internal`: see LogSettings.
  LogReader(SegmentStore& segments, bool is_internal, TopicCompressor& compressor,
            RecoveryCounters& counters)
      : segments_(segments),
        compressor_(compressor),
        counters_(counters),
        transactions_(segments.context(), is_internal) {}

  LogTransactions& transactions() { return transactions_; }

  // See PartitionLog, whose calls these are.
  absl::StatusOr<RecordBatch> Read(Cursor& cursor, const ReadOptions& options) {
    bool looked_at_files = false;
    auto batch = ReadNow(cursor, options, &looked_at_files);
    return looked_at_files || !batch.ok() ? segments_.UnlessDeleted(std::move(batch))
                                          : std::move(batch);
  }
  absl::StatusOr<RecordBatch> ReadBackwards(Offset before, const ReadOptions& options,
                                            OpenBatchPtr* kept);
  absl::StatusOr<Offset> NextReadable(Offset damaged);
  bool HasMore(Cursor& cursor);

  // Opens the segment that holds cursor.offset and finds its place there.
  absl::Status Place(Cursor& cursor) { return Place(cursor, segments_.bounds().start()); }
  // The same of what the log start offset has deleted and a segment still holds.
  absl::Status PlaceInSegments(Cursor& cursor) { return Place(cursor, Offset()); }
  // Goes from the end of a sealed segment to the next; false when there is none yet.
  absl::StatusOr<bool> NextSegment(Cursor& cursor);
  // Another process has put one segment in the place of several, of which this reader has had the
  // first: whether the offset is in that, and the cursor there now.
  absl::StatusOr<bool> GoToReplacement(Cursor& cursor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  // The DataLoss of a reader that stands at `cursor`, in front of damage.
  absl::Status DamageAt(const Cursor& cursor, std::string_view cause = "");
  // The entries of the compressed batch at `position`.
  absl::StatusOr<std::shared_ptr<const std::string>> Unpack(const Segment& segment,
                                                            std::uint64_t position,
                                                            const frame::FrameHeader& header);

 private:
  // `looked_at_files`: it was looked for files by their names.
  absl::StatusOr<RecordBatch> ReadNow(Cursor& cursor, const ReadOptions& options,
                                      bool* looked_at_files);
  // Gathers the records behind `at` in its segment, which it moves past them. Returns what stands
  // where it stopped: with no records, a seal if that is kValid.
  absl::StatusOr<frame::FrameState> Collect(Cursor& at, const ReadOptions& options,
                                            const ReadBound& bound, RecordBatch::Source* source);
  // The entries of a batch that is read; null if they stand in the segment. `is_part`: with
  // at.batch.
  absl::StatusOr<std::shared_ptr<const std::string>> EntriesOf(Cursor& at, std::uint64_t position,
                                                               const frame::FrameHeader& header,
                                                               bool is_part);
  absl::Status Place(Cursor& cursor, Offset start);
  RecordBatch::Source EmptySource(std::shared_ptr<Segment> segment) const;
  // The segment that holds the offset before `before`; null if that is the beginning.
  absl::StatusOr<std::shared_ptr<Segment>> SegmentBefore(Offset before);
  // ReadBackwards in one segment; when there are no records, `before` is where to look further.
  absl::StatusOr<RecordBatch> CollectBackwards(const std::shared_ptr<Segment>& segment,
                                               const ReadOptions& options, Offset* before,
                                               OpenBatchPtr* kept);
  // The DataLoss of all up to the next segment.
  absl::Status DamageTo(Offset at, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  absl::Status MissingAt(Offset begin, Offset end);
  // Damage that costs no records: the next segment goes on there.
  bool IsDamagedSeal(const Cursor& cursor);

  SegmentStore& segments_;
  TopicCompressor& compressor_;
  RecoveryCounters& counters_;
  LogTransactions transactions_;
  LastBatch last_batch_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_READ_LOG_READER_H_
