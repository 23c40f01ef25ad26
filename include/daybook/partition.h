#ifndef DAYBOOK_PARTITION_H_
#define DAYBOOK_PARTITION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/export.h"
#include "daybook/record.h"
#include "daybook/record_batch.h"
#include "daybook/storage.h"
#include "daybook/time_span.h"

namespace daybook::inline v1 {

class PartitionLog;
class Segment;

// How a record is appended where that differs from its topic's settings.
struct AppendOptions {
  // Absent: the topic's. A record is never acknowledged at less than this level, nor at less than
  // the topic's: whichever is more. kInterval counts in the topic's flush_interval.
  std::optional<Durability> durability = {};
};

// What is said of a record before its value is written in place.
struct ClaimOptions {
  std::size_t value_bytes = 0;
  RecordKey key = {};
  RecordHeaders headers = {};
  std::optional<Timestamp> timestamp = {};
};

// Bytes of the log that are yours to fill: serialise straight into value(), then Commit. Readers
// wait at a claim until it is committed or abandoned, so hold it for microseconds. Move-only; one
// thread at a time. Must not outlive the Topic handle.
class DAYBOOK_EXPORT RecordClaim {
 public:
  RecordClaim(RecordClaim&& other) noexcept
      : log_(std::exchange(other.log_, nullptr)),
        segment_(other.segment_),
        before_(other.before_),
        length_word_(other.length_word_),
        value_(other.value_),
        offset_(other.offset_) {}
  RecordClaim& operator=(RecordClaim&&) = delete;
  // Abandons the claim if it was not committed: readers pass over it, its offset holds nothing.
  ~RecordClaim() {
    if (log_ != nullptr) Abandon();
  }

  // As many bytes as were asked for. Their content is unspecified until written.
  std::span<std::byte> value() const { return value_; }
  Offset offset() const { return offset_; }

  // Makes the record visible: one release store. Acknowledges at kProcess; Partition::WaitDurable
  // waits for more. At most once.
  void Commit() &&;

 private:
  friend class PartitionLog;
  RecordClaim() = default;
  void Abandon();

  PartitionLog* log_ = nullptr;
  Segment* segment_ = nullptr;
  std::uint64_t before_ = 0;  // the claim word before this claim: see src/segment/claim_word.h
  std::uint32_t length_word_ = 0;
  std::span<std::byte> value_;
  Offset offset_;
};

struct ReadOptions {
  // The batch ends before the record that would pass one of these; it always has at least one.
  std::size_t max_records = 10'000;
  std::size_t max_bytes = 128 << 10;  // verified and then iterated: so much stays in the cache
};

// One ordered log of a topic. Thread-safe: any number of threads may append, claim and read, and
// none waits for another, except that readers wait for records that are not committed yet.
//
// Errors of all calls, beside those listed:
//   NotFound            the topic was deleted
//   InvalidArgument     for writes: it is of an internal topic (names that begin with "__")
//   FailedPrecondition  the broker is closed, or for writes: it is open read-only; or a sync
//                       failed before (the partition then stays read-only: what the disk holds is
//                       not known any more; reopen the directory to go on)
class DAYBOOK_EXPORT Partition {
 public:
  explicit Partition(std::shared_ptr<PartitionLog> log);
  ~Partition();
  Partition(Partition&&) noexcept;
  Partition& operator=(Partition&&) noexcept;

  std::string_view topic() const;
  int id() const;

  // Appends one record and returns its offset once it is acknowledged. `record.partition` is not
  // looked at. On an error nothing was appended, except DeadlineExceeded and a failed sync at
  // kDisk: then the record is in the log, and whether it survives a power cut is not known.
  //   InvalidArgument     the record is over TopicOptions::max_record_bytes, its key is over 16 MiB
  //                       or a header's name over 65,535 bytes, or there is no such durability
  //   ResourceExhausted   the disk is full; appends work again when there is space
  absl::StatusOr<Offset> Append(const Record& record, AppendOptions options = {});

  // Appends records as one batch: consecutive offsets, one head and one checksum for all, visible
  // at once, and compressed together if the topic is. Returns the first one's offset; errors as
  // for Append.
  //   InvalidArgument     there is none; or together they are over TopicOptions::max_record_bytes,
  //                       where each counts 4 to 20 bytes more than its key, headers and value
  absl::StatusOr<Offset> AppendBatch(std::span<const Record> records, AppendOptions options = {});

  // Takes the next offset and room for a record, which is never compressed. Errors as for Append.
  absl::StatusOr<RecordClaim> Claim(const ClaimOptions& options);

  // The records from `from` on, as far as they lie in one segment; empty at the end. `from` may
  // be an offset that holds nothing: the batch then begins after it.
  //   OutOfRange          `from` is before begin_offset() or after end_offset()
  //   DataLoss            what is stored at `from` is damaged or gone; the message and DamageOf
  //                       (damage.h) give the range of offsets, NextReadable the way past it
  absl::StatusOr<RecordBatch> Read(Offset from, ReadOptions options = {});

  // The records that end before `before`, as many as the options allow, as far as they lie in one
  // segment; empty at the beginning. To go on, pass the batch's begin_offset(). Within the batch
  // they are in order; RecordBatch::Backwards has them the other way round. Offsets that no file
  // holds any more are passed over like those of claims that were given up: Read tells them apart.
  //   OutOfRange          `before` is before begin_offset() or after end_offset()
  //   DataLoss            what is stored before `before` is damaged; pass `before - 1`, which lies
  //                       within the damage, to go on before it
  absl::StatusOr<RecordBatch> ReadBackwards(Offset before, ReadOptions options = {});

  // The first offset at or after `damaged` that can be read, or end_offset().
  //   OutOfRange          `damaged` is after end_offset()
  //   DataLoss            it could not be told in time whether whole records follow: Repair decides
  absl::StatusOr<Offset> NextReadable(Offset damaged);

  // The first offset, in the order of offsets, whose record has a timestamp (RecordView::timestamp)
  // of `time` or later, or end_offset() if there is none; as in Kafka, records behind it may have
  // earlier ones. Timestamps that producers gave may come in any order; where no record of a
  // segment has one, it is exact as long as the clock did not go back. Records of an undecided
  // transaction count, of one that was not committed they do not.
  absl::StatusOr<Offset> OffsetForTime(Timestamp time);

  // The offset of the oldest record still there.
  absl::StatusOr<Offset> begin_offset();
  // One past the last record before which all are committed.
  absl::StatusOr<Offset> end_offset();
  // One past the last record known to survive a power cut; never over end_offset().
  absl::StatusOr<Offset> durable_offset();

  // Waits until everything before `end` survives a power cut, for ever at TimeSpan's longest. Syncs
  // if nobody else does, with one sync for all who wait. Waits for claims before `end` that are
  // still being filled.
  //   DeadlineExceeded    for longer than `timeout` a claim before `end` was held open, or nothing
  //                       was appended up to there
  //   DataLoss            the disk failed to sync
  absl::Status WaitDurable(Offset end, TimeSpan timeout = std::chrono::seconds(30));

 private:
  friend class Access;  // of the library
  std::shared_ptr<PartitionLog> log_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PARTITION_H_
