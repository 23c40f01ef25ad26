#ifndef DAYBOOK_LOG_PARTITION_LOG_H_
#define DAYBOOK_LOG_PARTITION_LOG_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "daybook/partition.h"
#include "log/append/active_segment.h"
#include "log/append/batch_head.h"
#include "log/append/dropped_files.h"
#include "log/append/file_source.h"
#include "log/append/group_commit.h"
#include "log/append/memory_ring.h"
#include "log/append/producer_sequences.h"
#include "log/append/read_mark.h"
#include "log/append/segment_syncer.h"
#include "log/log_context.h"
#include "log/read/log_reader.h"
#include "log/store/file_store.h"
#include "log/store/segment_store.h"
#include "log/topic_compressor.h"
#include "log/work_queue.h"
#include "segment/index/segment_facts.h"
#include "segment/replace/replacement.h"
#include "segment/segment.h"

namespace daybook::inline v1 {

// One ordered log: a directory of segments, the last of which is appended to. Thread-safe. What
// the public calls promise is said in daybook/partition.h; this is the same contract.
//
// It holds the parts together: src/README.md says what each of them owns. Nothing is made or opened
// before it is needed: a partition that is never used costs nothing.
// Invariant: durable_offset <= committed end <= claimed end; GroupCommit alone raises the first.
class PartitionLog final : public std::enable_shared_from_this<PartitionLog>,
                           private SyncableLog,
                           private FileSourceListener {
 public:
  // `context` and `counters` must outlive the log.
  PartitionLog(const LogContext& context, const PartitionName& name, const LogSettings& settings,
               RecoveryCounters& counters, std::shared_ptr<TopicCompressor> compressor);
  ~PartitionLog();

  const PartitionName& name() const { return segments_.name(); }
  bool is_internal() const { return settings_.is_internal; }
  // Whether handles of users may write to it, and why not.
  bool is_open_to_users() const { return !process().is_forked() && !is_internal(); }
  absl::Status RefusalOfUsers() const;

  absl::StatusOr<Offset> Append(const Record& record, std::optional<Durability> durability) {
    return NeedsMore(durability) ? AppendAcknowledged(record, durability) : AppendUnsynced(record);
  }
  // Appends, and acknowledges at kProcess whatever the settings are.
  absl::StatusOr<Offset> AppendUnsynced(const Record& record) {
    return IsPlain(record) ? AppendPlain(record) : AppendAny(record);
  }
  absl::StatusOr<Offset> AppendBatch(std::span<const Record> records,
                                     std::optional<Durability> durability);
  absl::StatusOr<Offset> AppendBatchUnsynced(std::span<const Record> records);
  // Appends that many records, encoded as entries of a batch frame and together no more bytes than
  // max_entry_bytes, as one frame, compressed if the topic is; acknowledges at kProcess.
  absl::StatusOr<Offset> AppendEntries(std::span<const std::byte> entries, std::uint32_t count,
                                       const frame::EntryTimes& times);
  std::uint64_t max_entry_bytes() const { return settings_.max_record_bytes; }
  absl::StatusOr<RecordClaim> Claim(const ClaimOptions& options);
  // Whether a record keeps a time of its own; if not, it has that of its append alone.
  bool keeps_event_times() const { return settings_.timestamp_type == TimestampType::kCreateTime; }

  // Appends a record of a named producer, once: within a partition its sequences rise. One at or
  // below its last is not appended again; the answer is the offset that it was given then. Checked
  // and appended as one step; acknowledges at kProcess; never compressed. `producer`: ProducerId.
  // The first call after opening looks for what earlier processes appended.
  //   InvalidArgument     `sequence` is negative, or the record over the limits of the topic
  //   OutOfRange          `sequence` is below the last one, and was never appended, or was dropped
  absl::StatusOr<Offset> AppendSequenced(const Record& record, std::uint64_t producer,
                                         std::int64_t sequence);
  // Where the record of that sequence is, if it has that key; absent: there is none.
  absl::StatusOr<std::optional<Offset>> FindSequenced(std::string_view key,
                                                      const frame::ProducerSequence& wanted) {
    return sequences_.Find(key, wanted);
  }
  // The last sequence of a producer and its offset; absent: there is none.
  absl::StatusOr<std::optional<ProducerState::Last>> LastSequence(std::uint64_t producer) {
    return sequences_.Last(producer);
  }

  using Prepared = PreparedRecords;
  // Appends the records of transaction `id`, in as many transactional frames as they need;
  // acknowledges at kProcess. They are there for readers once context.transactions says so, after
  // which Announce is to be called. After an error some of the frames may be there: the transaction
  // must not be committed then. Errors of CheckTransactional before anything is appended.
  absl::StatusOr<Prepared> AppendTransactional(std::span<const Record> records, std::uint64_t id);
  // InvalidArgument: there are none, or one of them is over the limits of the topic.
  absl::Status CheckTransactional(std::span<const Record> records) const;
  // Whether the frame that begins at `first` is whole, and of that transaction. What a power cut
  // takes, it takes from some place to the end, so after one a transaction is there in whole if its
  // last_frame is. OutOfRange: that was dropped, it is before begin_offset().
  absl::StatusOr<bool> HasTransaction(Offset first, std::uint64_t id);
  void Announce() { waiters_.NotifyIfAny(); }  // to readers that wait for a decision
  std::chrono::nanoseconds flush_interval() const { return settings_.flush_interval; }

  // The next records behind `cursor`, which moves past them, and past what holds none.
  absl::StatusOr<RecordBatch> Read(Cursor& cursor, const ReadOptions& options) {
    return reader_.Read(cursor, options);
  }
  using OpenBatchPtr = LogReader::OpenBatchPtr;
  // The last records before `before`. `kept`: of a batch that is read in parts, for the next call.
  absl::StatusOr<RecordBatch> ReadBackwards(Offset before, const ReadOptions& options,
                                            OpenBatchPtr* kept = nullptr);
  absl::StatusOr<Offset> NextReadable(Offset damaged) { return reader_.NextReadable(damaged); }
  absl::StatusOr<Offset> OffsetForTime(Timestamp time);
  bool HasMore(Cursor& cursor) { return reader_.HasMore(cursor); }  // or Read would fail
  // A mark for who reads from `offset` on; null where unread records are never or always dropped.
  std::unique_ptr<ReadMark> Mark(Offset offset);

  // Drops whole segments all of whose records are before `offset`, from the first on, with their
  // files; never the last one that has records, none with an open claim, and nothing of a
  // transaction that is undecided. Batches keep what they have; later reads answer OutOfRange. All
  // that goes, and the new beginning, is made durable first. After an error the next call goes on.
  absl::Status DropBefore(Offset offset)
      ABSL_LOCKS_EXCLUDED(dropped_files_.mutex(), files_.preparer().mutex(), segments_.mutex());

  // What is appended from now on is of that leader epoch, in segments that begin with it; the log
  // remembers it with the first of them. FailedPrecondition: it is behind the one that there is.
  absl::Status StartEpoch(std::uint32_t epoch) ABSL_LOCKS_EXCLUDED(segments_.mutex());

  // Puts a segment, whose file was written with SegmentWriter, in the place of those that hold the
  // same offsets. In one step: readers find either, a crash leaves either, and batches keep what
  // they have. `replacement.end` is the base offset of another segment. The log must have been
  // opened, by any call, before the file was written. What it leaves out counts as never written:
  // it must hold the last record of each named producer, and each frame that HasTransaction may be
  // asked for.
  //   FailedPrecondition  they are not sealed, committed, decided and durable, or it is no whole
  //                       segment of just these offsets; nothing is changed
  absl::Status ReplaceSegments(const Replacement& replacement)
      ABSL_LOCKS_EXCLUDED(dropped_files_.mutex(), files_.preparer().mutex(), segments_.mutex());

  // The log begins at `start` from now on, in the middle of a segment, too; never further back. It
  // is durable when this returns OK, as is what stands before it; segments that hold nothing behind
  // it are dropped. Reads of what is before it answer OutOfRange.
  //   OutOfRange  it is above stable_end(); nothing is changed
  absl::Status RaiseLogStart(Offset start)
      ABSL_LOCKS_EXCLUDED(dropped_files_.mutex(), files_.preparer().mutex(), segments_.mutex());

  // Readers come no further than `end`, whatever is committed; where it is lower than before, what
  // they have had they keep.
  void SetVisibleEnd(Offset end);

  absl::StatusOr<std::vector<SegmentFacts>> Segments() { return segments_.Facts(); }
  // When the last record was appended; absent: there is none.
  absl::StatusOr<std::optional<Timestamp>> LastAppendTime();
  // The next append begins another segment, if it would go to the one with that base offset.
  void RollFrom(Offset base) ABSL_LOCKS_EXCLUDED(segments_.mutex());

  // Of a log with LogSettings::reserve_bytes: the next time that the disk is full, appends fail.
  bool lacks_reserve() const { return files_.lacks_reserve(); }

  absl::StatusOr<Offset> begin_offset() { return segments_.begin_offset(); }
  absl::StatusOr<Offset> end_offset() { return segments_.end_offset(); }
  absl::StatusOr<Offset> durable_offset();
  // How far readers come: end_offset(), the visible end, or the first record of a transaction that
  // was appended here and is undecided. (Those of an earlier process are decided before a log is
  // read.)
  absl::StatusOr<Offset> stable_end();

  absl::Status WaitDurable(Offset end, std::chrono::steady_clock::time_point deadline);
  // Has all of it synced within the flush interval, if the broker has a thread. Throws nothing.
  void MarkDirty();
  // Syncs all that is committed now. Clears the mark that on_dirty was told.
  absl::Status SyncDirty();

  // Does some of what appends would have to wait for: brings pages into memory, makes the next
  // segment's file, tidies sealed ones up. True when there is more to do now.
  bool WorkAhead() ABSL_LOCKS_EXCLUDED(files_.preparer().mutex(), segments_.mutex());

  std::size_t gates_left() ABSL_LOCKS_EXCLUDED(segments_.mutex());  // by segments that are gone
  bool is_deleted() const { return segments_.is_deleted(); }
  const ProcessGuard& process() const { return context_.process; }
  WaitList& waiters() { return waiters_; }  // of who waits for records
  BackgroundPlaces& background() { return background_; }

  // Notes how far it is committed, so that the next open need not scan it. Later writes answer
  // `reason`; reads go on, unless the topic is deleted.
  void Close(const absl::Status& reason)
      ABSL_LOCKS_EXCLUDED(files_.preparer().mutex(), segments_.mutex());
  // The same, and reads answer `reason`, too. Files that batches pin stay readable.
  void Delete(const absl::Status& reason)
      ABSL_LOCKS_EXCLUDED(files_.preparer().mutex(), segments_.mutex());
  // After that: whether nothing of ours writes to the files any more by then, no open claim either.
  bool AwaitSettled(std::chrono::steady_clock::time_point deadline)
      ABSL_LOCKS_EXCLUDED(segments_.mutex());
  absl::Status SyncLastCommits();  // when it is: those that were promised to be synced later

 private:
  friend class daybook::Partition;
  friend class daybook::RecordClaim;

  // Takes these segments off the list, and what is known of them.
  void Forget(std::size_t first, std::size_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  // OK: all segments of these offsets can be replaced.
  absl::Status CheckReplaceable(const Replacement& replacement)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  // Makes the log start offset durable.
  absl::Status MakeStartDurable(Offset start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(dropped_files_.mutex())
      ABSL_LOCKS_EXCLUDED(files_.preparer().mutex(), segments_.mutex());
  std::size_t FirstToKeep(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  // OK: the directory is this log's, and stays so while the lock is held: once the topic is
  // deleted, another one may have the name, and who deletes it waits for that lock.
  absl::Status CheckHasDirectory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_.preparer().mutex())
      ABSL_LOCKS_EXCLUDED(segments_.mutex());
  absl::Status RemoveDroppedFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(dropped_files_.mutex())
      ABSL_LOCKS_EXCLUDED(files_.preparer().mutex());
  bool IsSettled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());
  // Of frames: those in memory have none, which are there for what a disk does to bytes.
  bool has_checksums() const { return memory_ == nullptr; }
  bool Accepts(const frame::RecordLayout& layout) const {
    return layout.length != 0 && layout.record_bytes <= settings_.max_record_bytes;
  }
  absl::StatusOr<Offset> AppendFrame(std::span<const Record> records);  // OutOfRange: too large
  void SampleEntries(std::span<const std::byte> entries);
  // Compresses them if the topic is; `bytes` is empty if they are better left as they are.
  absl::StatusOr<TopicCompressor::Packed> Pack(std::span<const std::byte> entries);
  absl::StatusOr<Offset> AppendBody(const BatchBody& body);
  // Appends one frame of these records, whose entries have so many bytes.
  absl::StatusOr<Offset> AppendPrepared(std::span<const Record> records, std::uint64_t entry_bytes,
                                        std::uint64_t id);
  // Of a topic that is not compressed, a record that is a value and nothing else.
  bool IsPlain(const Record& record) const {
    return record.value && !record.key && record.headers.empty() && !record.timestamp &&
           !compressor_->is_on();
  }
  absl::StatusOr<Offset> AppendPlain(const Record& record);
  absl::StatusOr<Offset> AppendAny(const Record& record);
  template <bool kIsPlain>
  absl::StatusOr<Offset> AppendParts(const frame::RecordParts& parts, std::string_view value,
                                     const Record& record);
  absl::StatusOr<Offset> AppendFromProducer(const Record& record,
                                            const frame::ProducerSequence& producer);
  absl::StatusOr<Offset> AppendAcknowledged(const Record& record, std::optional<Durability> asked);
  // Whether the topic or the caller asks for more than the append itself.
  bool NeedsMore(std::optional<Durability> asked) const {
    return settings_.durability == Durability::kDisk || (asked && *asked != Durability::kProcess);
  }
  // Sees to that, after an append that ends at `end`.
  absl::Status Acknowledge(Offset end, std::optional<Durability> durability);
  absl::Status RefusalOf(const frame::RecordParts& parts) const;
  void Committed() {
    waiters_.NotifyIfAny();
    if (settings_.durability == Durability::kInterval) MarkDirty();
  }
  void NeedsWorkAhead() override;  // this and the next two: see FileSourceListener
  void HasBegunSegment() override;
  void DiskIsFull() override;
  void KeepReserve(std::uint64_t least_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());

  bool HasClaimsBehind(Offset end) ABSL_LOCKS_EXCLUDED(segments_.mutex());  // committed or not
  // See SyncableLog.
  Offset CommittedEnd() override { return active_.CommittedEnd(segments_); }
  Offset ClaimedEnd() override { return active_.ClaimedEnd(segments_); }
  absl::Status AwaitCommitted(Offset end, SyncableLog::Time deadline) override;
  absl::Status SyncRefusal() override;
  Synced SyncCommitted(Offset durable) override { return syncer_.Sync(durable); }
  void RefuseWrites(const absl::Status& why) override { Close(why); }

  // What a recovery means for the appends.
  void Recovered(const RecoveredLog& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_.mutex());

  const LogContext& context_;
  const LogSettings settings_;
  const std::shared_ptr<TopicCompressor> compressor_;
  const std::unique_ptr<MemoryRing> memory_;  // null: the log is in files

  const std::unique_ptr<SegmentStore> store_;
  SegmentStore& segments_;  // that store; its mutex is the log's
  FileSource files_;
  ActiveSegment active_;
  WaitList waiters_;
  BackgroundPlaces background_;
  LogReader reader_;
  ProducerSequences sequences_;
  DroppedFiles dropped_files_;
  SegmentSyncer syncer_;
  GroupCommit group_commit_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_PARTITION_LOG_H_
