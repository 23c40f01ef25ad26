#ifndef DAYBOOK_LOG_PARTITION_LOG_H_
#define DAYBOOK_LOG_PARTITION_LOG_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "daybook/partition.h"
#include "log/batch_head.h"
#include "log/log_context.h"
#include "log/log_follower.h"
#include "log/open_batch.h"
#include "log/open_segment.h"
#include "log/producer_state.h"
#include "log/read_mark.h"
#include "log/topic_compressor.h"
#include "log/undecided_transactions.h"
#include "log/work_queue.h"
#include "segment/segment.h"
#include "segment/segment_pool.h"

namespace daybook::inline v1 {

// One ordered log: a directory of segments, the last of which is appended to. Thread-safe. What
// the public calls promise is said in daybook/partition.h; this is the same contract.
//
// Nothing is made or opened before it is needed: a partition that is never used costs nothing.
// Invariant, asserted in WaitDurable, the one place that moves it:
//   durable_offset <= committed end <= claimed end
class PartitionLog : public std::enable_shared_from_this<PartitionLog> {
 public:
  // `context` and `counters` must outlive the log.
  PartitionLog(const LogContext& context, PartitionName name, const LogSettings& settings,
               RecoveryCounters& counters, std::shared_ptr<TopicCompressor> compressor);
  ~PartitionLog();

  const PartitionName& name() const { return name_; }
  bool is_internal() const { return settings_.is_internal; }

  absl::StatusOr<Offset> Append(const Record& record, std::optional<Durability> durability) {
    return NeedsMore(durability) ? AppendAcknowledged(record, durability) : AppendUnsynced(record);
  }
  // Appends, and acknowledges at kProcess whatever the settings are.
  absl::StatusOr<Offset> AppendUnsynced(const Record& record) {
    const bool is_plain = record.value && !record.key && record.headers.empty() &&
                          !record.timestamp && !compressor_->is_on();
    return is_plain ? AppendPlain(record) : AppendAny(record);
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
                                         std::int64_t sequence)
      ABSL_LOCKS_EXCLUDED(sequence_mutex_, mutex_);
  // Where the record of that sequence is, if it has that key; absent: there is none.
  absl::StatusOr<std::optional<Offset>> FindSequenced(std::string_view key,
                                                      const frame::ProducerSequence& wanted)
      ABSL_LOCKS_EXCLUDED(sequence_mutex_, mutex_);
  // The last sequence of a producer and its offset; absent: there is none.
  absl::StatusOr<std::optional<ProducerState::Last>> LastSequence(std::uint64_t producer)
      ABSL_LOCKS_EXCLUDED(sequence_mutex_, mutex_);

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
    return context_.is_read_only ? ReadFollowed(cursor, options) : ReadNow(cursor, options);
  }
  using OpenBatchPtr = std::shared_ptr<const OpenBatch>;
  // The last records before `before`. `kept`: of a batch that is read in parts, for the next call.
  absl::StatusOr<RecordBatch> ReadBackwards(Offset before, const ReadOptions& options,
                                            OpenBatchPtr* kept = nullptr);
  absl::StatusOr<Offset> NextReadable(Offset damaged);
  absl::StatusOr<Offset> OffsetForTime(Timestamp time);
  // True when a Read would find something, or fail.
  bool HasMore(Cursor& cursor);
  // A mark for who reads from `offset` on; null where unread records are never or always dropped.
  std::unique_ptr<ReadMark> Mark(Offset offset);

  // Drops whole segments all of whose records are before `offset`, from the first on, with their
  // files; never the last one that has records, none with an open claim, and nothing of a
  // transaction that is undecided. Batches keep what they have; later reads answer OutOfRange. All
  // that goes, and the new beginning, is made durable first. After an error the next call goes on.
  absl::Status DropBefore(Offset offset) ABSL_LOCKS_EXCLUDED(drop_mutex_, ahead_mutex_, mutex_);

  // Of a log with LogSettings::reserve_bytes: the next time that the disk is full, appends fail.
  bool lacks_reserve() const { return lacks_reserve_.load(std::memory_order_relaxed); }

  absl::StatusOr<Offset> begin_offset();
  absl::StatusOr<Offset> end_offset();
  absl::StatusOr<Offset> durable_offset();
  // How far readers come: end_offset(), or the first record of a transaction that was appended here
  // and is undecided. (Those of an earlier process are decided before a log is read.)
  absl::StatusOr<Offset> stable_end();

  absl::Status WaitDurable(Offset end, std::chrono::steady_clock::time_point deadline);
  // Has all of it synced within the flush interval, if the broker has a thread. Throws nothing.
  void MarkDirty();
  // Syncs all that is committed now. Clears the mark that on_dirty was told.
  absl::Status SyncDirty();

  // Does some of what appends would have to wait for: brings pages into memory, makes the next
  // segment's file, tidies sealed ones up. True when there is more to do now.
  bool WorkAhead() ABSL_LOCKS_EXCLUDED(ahead_mutex_, mutex_);

  std::size_t gates_left() ABSL_LOCKS_EXCLUDED(mutex_);  // by segments that are gone
  bool is_deleted() const { return is_deleted_.load(std::memory_order_relaxed); }
  const ProcessGuard& process() const { return context_.process; }
  WaitList& waiters() { return waiters_; }  // of who waits for records
  BackgroundPlaces& background() { return background_; }

  // Notes how far it is committed, so that the next open need not scan it. Later writes answer
  // `reason`; reads go on, unless the topic is deleted.
  void Close(const absl::Status& reason) ABSL_LOCKS_EXCLUDED(ahead_mutex_, mutex_);
  // The same, and reads answer `reason`, too. Files that batches pin stay readable.
  void Delete(const absl::Status& reason) ABSL_LOCKS_EXCLUDED(ahead_mutex_, mutex_);
  // After that: whether nothing of ours writes to the files any more by then, no open claim either.
  bool AwaitSettled(std::chrono::steady_clock::time_point deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status SyncLastCommits();  // when it is: those that were promised to be synced later

 private:
  friend class daybook::RecordClaim;
  friend class ReadMark;
  friend class TimeSearch;

  // Makes sure that the slot's segment, if there is one, is the file that has its name.
  void Renew(OpenSegment& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True: another process has gone on; read again. `cursor` stands where there is no more, `state`.
  absl::StatusOr<bool> LookAgain(Cursor& cursor, frame::FrameState state);
  bool PassDeadClaims(Segment& segment, std::uint64_t position);  // of a dead process
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory();
  absl::Status EnsureOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenForWriting(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ListSegments(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How many segments at the beginning need no recovery: the last one, made in this boot, knows
  // that they were whole. Learns which are durable.
  std::size_t SkipSettled(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How many at the beginning a power cut has taken nothing of: one behind them was synced after
  // them, or made since the machine was started. What is missing there is damage.
  std::size_t CountWhole(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes what was built upon records that a power cut took.
  absl::Status DropSegmentsFrom(Directory& directory, std::size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For reading only, OutOfRange: the process that writes has dropped it; so is it here, now.
  absl::StatusOr<std::shared_ptr<Segment>> OpenAt(std::size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The slot has a segment now; or no more.
  void Opened(OpenSegment& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unmap(OpenSegment& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Unmaps sealed segments that were not used for long, if there are too many.
  void ReleaseIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Release(OpenSegment& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes these segments off the list, and what is known of them.
  void Forget(std::size_t first, std::size_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleaseForgotten() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::size_t FirstToKeep(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveDroppedFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(drop_mutex_)
      ABSL_LOCKS_EXCLUDED(ahead_mutex_);
  // Closes the segment's file unless this partition is among those that keep theirs open.
  void CloseFileIfScarce(Segment& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  OpenSegment* FindSlot(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WritableStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  inline absl::Status ClaimBytes(std::uint64_t bytes, Claimed* claimed, std::uint64_t records = 1);
  // Grows, rolls, opens until a claim holds. `missed`: where one was made at `before`, too far.
  absl::StatusOr<Claimed> ClaimSlowly(std::uint64_t bytes, std::uint64_t records, ClaimGate* missed,
                                      ClaimWord before);
  // Makes claims up to `position` fit. Throws nothing.
  absl::Status Extend(Segment& segment, std::uint64_t position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ExtendFile(Segment& segment, std::uint64_t position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Seals the active segment where `crossing` began.
  void SealActive(Segment& segment, ClaimWord crossing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopAppends() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsSettled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RollIfFullOfOffsets() ABSL_LOCKS_EXCLUDED(mutex_);
  // With room for a claim of that many bytes.
  absl::Status StartSegment(Offset base_offset, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One that was sealed empty, by a full disk or a power cut, gives its name to the next one.
  void ForgetReplaced(Offset base_offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Offset SettledBefore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);  // see SegmentSettings
  absl::StatusOr<std::shared_ptr<Segment>> CreateSegment(Offset base_offset, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetActive(Segment* segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for another active segment, or none.
  void AwaitRoll(const ClaimGate& gate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Destroys a segment that took appends and that nobody reads, but for its gate.
  void Retire(std::shared_ptr<Segment> segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // In memory: drops segments until there is room for another one, if that may be.
  bool MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, waiting if the topic wants that. ResourceExhausted: there is none.
  absl::Status AwaitRoom(std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsUnread(Offset end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool is_in_memory() const { return pool_ != nullptr; }
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
  TransactionTable::Decision DecisionOf(const std::byte* frame) const;  // a transactional one
  // The same of what stands there, if that is a whole one.
  std::optional<TransactionTable::Decision> DecisionAt(Segment& segment,
                                                       std::uint64_t position) const;
  // The first record of an undecided transaction; none: beyond every offset.
  Offset FirstUndecided() { return undecided_.First(context_.transactions); }
  // Of a topic that is not compressed, a record that is a value and nothing else.
  absl::StatusOr<Offset> AppendPlain(const Record& record);
  absl::StatusOr<Offset> AppendAny(const Record& record);
  template <bool kIsPlain>
  absl::StatusOr<Offset> AppendParts(const frame::RecordParts& parts, std::string_view value,
                                     const Record& record);
  absl::StatusOr<Offset> AppendFromProducer(const Record& record,
                                            const frame::ProducerSequence& producer);
  // Learns of all producers what there is in the log.
  absl::Status LoadProducers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sequence_mutex_);
  // Takes in the newest hint that is valid and accepted; returns what it knows all before, and that
  // is the beginning if there is none.
  absl::StatusOr<Offset> LoadProducerHint(ProducerState& state,
                                          const std::function<bool(const ProducerState&)>& accept)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // If the record at `offset` is the first sequenced one in its segment: leaves a hint beside the
  // segment before it. Before that record is noted.
  void LeaveProducerHint(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sequence_mutex_)
      ABSL_LOCKS_EXCLUDED(ahead_mutex_, mutex_);
  absl::StatusOr<Offset> OffsetOfSequence(const frame::ProducerSequence& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sequence_mutex_);
  // Shows the sequenced records in [begin, end), as far as they are committed, until false comes.
  using SequenceVisitor = std::function<bool(Offset offset, const frame::ProducerSequence&)>;
  absl::Status VisitSequenced(Offset begin, Offset end, const SequenceVisitor& visitor)
      ABSL_LOCKS_EXCLUDED(mutex_);
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
  void RequestWorkAhead();
  bool pages_in() const { return settings_.durability != Durability::kDisk; }
  // Does what WorkAhead would have, and removes the file that it prepared. After closed_ is set.
  void FinishWorkAhead() ABSL_LOCKS_EXCLUDED(ahead_mutex_, mutex_);
  void KeepReserve(std::uint64_t least_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TidyUp(Segment& segment);

  absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRange(Offset wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The base offset of the first segment above that one; the end of the log where there is none.
  absl::StatusOr<Offset> BaseAbove(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The index of the first segment with a base offset above that one.
  std::size_t SegmentAbove(Offset offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<Segment>> OpenWithIndex(std::size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The one that holds `offset`, or that it would be appended to.
  absl::StatusOr<std::shared_ptr<Segment>> SegmentOf(Offset offset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NoSuchOffset(Offset wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Opens the segment that holds cursor.offset and finds its place there.
  absl::Status Place(Cursor& cursor);
  absl::StatusOr<RecordBatch> ReadFollowed(Cursor& cursor, const ReadOptions& options);
  // What was read from files that were looked for by name, unless these may be another topic's.
  absl::StatusOr<RecordBatch> UnlessDeleted(absl::StatusOr<RecordBatch> batch);
  absl::StatusOr<RecordBatch> ReadNow(Cursor& cursor, const ReadOptions& options);
  // Goes from the end of a sealed segment to the next; false when there is none yet.
  absl::StatusOr<bool> NextSegment(Cursor& cursor);
  // Gathers the records behind `at` in its segment, which it moves past them. Returns what stands
  // where it stopped: with no records, a seal if that is kValid.
  absl::StatusOr<frame::FrameState> Collect(Cursor& at, const ReadOptions& options,
                                            const ReadBound& bound, RecordBatch::Source* source);
  RecordBatch::Source EmptySource(std::shared_ptr<Segment> segment) const;
  // The segment that holds the offset before `before`; null if that is the beginning.
  absl::StatusOr<std::shared_ptr<Segment>> SegmentBefore(Offset before) ABSL_LOCKS_EXCLUDED(mutex_);
  // ReadBackwards in one segment; when there are no records, `before` is where to look further.
  absl::StatusOr<RecordBatch> CollectBackwards(const std::shared_ptr<Segment>& segment,
                                               const ReadOptions& options, Offset* before,
                                               OpenBatchPtr* kept);
  // The DataLoss of a reader that stands at `cursor`, in front of damage.
  absl::Status DamageAt(const Cursor& cursor, std::string_view cause = "")
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for all up to the next segment.
  absl::Status DamageTo(Offset at, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MissingAt(Offset begin, Offset end);
  // Where the committed frames end it is not a claim that is still open, nor a seal.
  bool IsDamagedEnd(const OpenSegment& slot, ClaimWord end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Nothing is coming in that segment any more: the end is in a later one.
  bool HasPassed(const Segment& segment) ABSL_LOCKS_EXCLUDED(mutex_);
  // It costs no records: the next segment goes on there.
  bool IsDamagedSeal(const Cursor& cursor) ABSL_LOCKS_EXCLUDED(mutex_);
  // The entries of the compressed batch at `position`.
  absl::StatusOr<std::shared_ptr<const std::string>> Unpack(const Segment& segment,
                                                            std::uint64_t position,
                                                            const frame::FrameHeader& header);
  // The same where a batch is read; null if they stand in the segment. `is_part`: with at.batch.
  absl::StatusOr<std::shared_ptr<const std::string>> EntriesOf(Cursor& at, std::uint64_t position,
                                                               const frame::FrameHeader& header,
                                                               bool is_part);
  absl::Status AwaitDurable(Offset end, std::chrono::steady_clock::time_point deadline);
  absl::Status AwaitCommitted(Offset end, std::chrono::steady_clock::time_point deadline);
  absl::StatusOr<std::shared_ptr<Segment>> SegmentToSync(const OpenSegment& listed)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What is durable then. `disk_failed` is set when it was a sync that failed.
  absl::StatusOr<Offset> SyncCommitted(bool* disk_failed) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until as many records wait for a sync as for the last one, at most as long as that took.
  void GatherGroup();
  Offset ClaimedEnd();  // too low while a segment is closing
  bool HasClaimsBehind(Offset end) ABSL_LOCKS_EXCLUDED(mutex_);  // committed or not
  Offset CommittedEnd();  // of the active segment; too high while an earlier claim is open
  // Waits for the sync under way; false if the deadline came first.
  bool AwaitSync(EventCount::Key key, std::chrono::steady_clock::time_point deadline);
  // One sync for all who wait. For the thread that set is_syncing_.
  absl::Status SyncForAll(Offset end) ABSL_LOCKS_EXCLUDED(sync_mutex_);
  absl::Status PassCommitted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Offset> EndOffsetLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LogContext& context_;
  const std::shared_ptr<OpenLimits> limits_;  // for what is left to do when the broker is gone
  const PartitionName name_;
  const LogSettings settings_;
  const std::uint32_t max_frame_bytes_;
  RecoveryCounters& counters_;
  const std::shared_ptr<TopicCompressor> compressor_;
  const std::shared_ptr<SegmentPool> pool_;  // in memory alone

  // The segment that takes appends; null until there is one, and after an append failed for want of
  // space. Without mutex_ the gate may be used, and the segment by a thread counted in lookers_.
  Atomic<ClaimGate*> gate_{nullptr};
  Atomic<Segment*> active_{nullptr};
  WaitList waiters_;
  BackgroundPlaces background_;
  std::atomic<bool> lacks_reserve_{true};
  Atomic<bool> is_deleted_{false};  // deleted_ is set
  LogFollower follower_;            // when open for reading only: partition_follow.cc

  Mutex mutex_;
  CondVar rolled_;                                  // active_ changed
  std::int64_t rolls_ ABSL_GUARDED_BY(mutex_) = 0;  // how often
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);                // why writes fail, if they do
  absl::Status deleted_ ABSL_GUARDED_BY(mutex_);               // why reads fail, if they do
  std::vector<OpenSegment> segments_ ABSL_GUARDED_BY(mutex_);  // by base offset
  Atomic<int> lookers_{0};                                     // in CommittedEnd, without a lock
  std::vector<Offset> mapped_ ABSL_GUARDED_BY(mutex_);         // bases of those that are open
  std::uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  bool holds_file_ ABSL_GUARDED_BY(mutex_) = false;
  // Of segments that are gone: a thread that was held up may still claim there.
  std::vector<std::unique_ptr<ClaimGate>> gates_left_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Segment>> forgotten_ ABSL_GUARDED_BY(mutex_);  // may be read still
  // The first with open claims; all before it are committed to their seals, as checkpoints say.
  std::size_t first_uncommitted_ ABSL_GUARDED_BY(mutex_) = 0;
  Offset next_base_ ABSL_GUARDED_BY(mutex_);  // of the next segment, when active_ is null

  // In memory. A mark that moves must see that somebody waits, or be seen by it: each side stores
  // its own before it loads the other's, all of it sequentially consistent.
  std::vector<ReadMark*> marks_ ABSL_GUARDED_BY(mutex_);
  Atomic<int> room_waiters_{0};
  CondVar room_;  // a mark moved or went, or the log was closed

  LastBatch last_batch_;
  UndecidedTransactions undecided_;  // what AppendTransactional has appended

  // Held from the look whether a sequence is new until it is appended: by sequenced appends alone.
  Mutex sequence_mutex_ ABSL_ACQUIRED_BEFORE(ahead_mutex_, mutex_);
  ProducerState producers_ ABSL_GUARDED_BY(sequence_mutex_);
  std::optional<Offset> producers_end_ ABSL_GUARDED_BY(sequence_mutex_);  // known up to here
  // The segment with the last sequenced record; there is a hint beside the one before it.
  Offset sequenced_base_ ABSL_GUARDED_BY(sequence_mutex_);

  // When the active segment was last extended, and whether that was soon after the time before.
  Timestamp last_extension_ ABSL_GUARDED_BY(mutex_);
  bool is_in_hurry_ ABSL_GUARDED_BY(mutex_) = false;

  // Segments whose blocks are still to be given back, and the file of the next one.
  std::vector<std::shared_ptr<Segment>> untidy_ ABSL_GUARDED_BY(mutex_);
  std::optional<PreparedFile> prepared_ ABSL_GUARDED_BY(mutex_);
  std::optional<Offset> unprepared_ ABSL_GUARDED_BY(mutex_);  // the segment where that failed
  // Of segments that are forgotten: their files are still to be removed, in this order.
  Mutex drop_mutex_ ABSL_ACQUIRED_BEFORE(ahead_mutex_, mutex_);
  std::vector<Offset> dropped_files_ ABSL_GUARDED_BY(drop_mutex_);
  // Held while files are made or changed ahead of the appends, so that Close can wait for that.
  Mutex ahead_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);

  Mutex sync_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  EventCount synced_;               // a sync ended
  Atomic<bool> is_syncing_{false};  // whoever sets it syncs for all
  Atomic<int> sync_waiters_{0};     // in WaitDurable
  std::int64_t last_group_ = 0;     // records of the last sync; only for the thread that syncs
  std::atomic<std::chrono::nanoseconds> last_sync_time_{std::chrono::nanoseconds(0)};
  Atomic<bool> has_sync_failed_{false};                   // sync_error_ is set
  absl::Status sync_error_ ABSL_GUARDED_BY(sync_mutex_);  // the first one; sticky
  // Below it all is durable. Raised by the one thread that syncs, with release after the sync.
  Atomic<std::int64_t> durable_{0};
  Offset first_undurable_;  // all before it are durable; only for the thread that syncs
  std::optional<std::int64_t> synced_rolls_;  // rolls_ when the names of all were made durable
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_PARTITION_LOG_H_
