#ifndef DAYBOOK_BROKER_OFFSET_STORE_H_
#define DAYBOOK_BROKER_OFFSET_STORE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/sweep_threshold.h"
#include "broker/background.h"
#include "broker/catalog.h"
#include "broker/decision_table.h"
#include "broker/lost_transactions.h"
#include "broker/offset_record.h"
#include "daybook/committed_offset.h"

namespace daybook::inline v1 {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";
// A place that is committed again where it is already is written no more often than that: so well
// is it known since when a group has been idle.
inline constexpr std::chrono::minutes kPlaceRefresh{1};

// The committed offsets of all groups, and the decisions on transactions. Durable as a topic of the
// log's own, __consumer_offsets, with one partition: a commit appends a record, and opening reads
// them all; offset_record.h has the records. When they have become many, what still counts is
// written once more, and after a sync the segments of before are dropped (offset_compaction.cc).
//
// A group's place never passes the end of its partition: where a power cut took records and left
// the commit, the place is drawn back before anything is appended in their stead
// (offset_recovery.cc).
//
// Thread-safe. Locks: this one's before those of logs, the catalogue and the decisions.
class OffsetStore {
 public:
  using Key = PlaceKey;

  // All must outlive the store.
  OffsetStore(const LogContext& context, Catalog& catalog, DecisionTable& decisions,
              BackgroundWork& background);
  ~OffsetStore();

  // Reads what there is, if there is anything, and decides what a crash left undecided. Others call
  // it when they need it.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  // Records that are none of ours, nor of a version that we know; they are passed over.
  std::int64_t foreign_records() const { return foreign_records_.load(std::memory_order_relaxed); }

  // All answers `reason` from then on.
  void Close(const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  // Survives kill -9 when it returns OK. The last commit counts, also one that goes back; whether
  // the caller may commit is the coordinator's to know.
  absl::Status Commit(const Key& key, Offset offset, std::string_view metadata = {})
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The same of many, a thousand of them at a time: after a crash all of these are there, or none.
  absl::Status CommitAll(const std::map<Key, Offset>& places) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Forget(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // All of a group, as CommitAll.
  absl::Status ForgetGroup(std::string_view group) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets every group's place in the topic.
  absl::Status ForgetTopic(std::string_view topic) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets the group's places that were last committed before `time`; how many.
  absl::StatusOr<std::int64_t> Expire(std::string_view group, Timestamp time)
      ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::optional<CommittedOffset>> Find(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // All of a group, by topic and partition.
  absl::StatusOr<std::map<Key, CommittedOffset>> FindGroup(std::string_view group)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> Groups() ABSL_LOCKS_EXCLUDED(mutex_);

  // A place that is committed often: found once, and kept as long as somebody has it.
  struct Place;
  absl::StatusOr<std::shared_ptr<Place>> PlaceOf(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Commit(Place& place, Offset offset, std::string_view metadata)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Those that are kept in memory.
  std::size_t places() ABSL_LOCKS_EXCLUDED(mutex_);

  // The id of a new transaction, undecided until Decide or until the decisions are told that it
  // failed. The first one of an open waits for a sync: should a power cut take all that is known of
  // this open, the next one must not use its ids again.
  absl::StatusOr<std::uint64_t> BeginTransaction() ABSL_LOCKS_EXCLUDED(mutex_);
  // Commits a transaction, with these places; survives kill -9 when it returns OK, and is then
  // committed for readers, too. After an error it is not.
  absl::Status Decide(std::uint64_t id, std::vector<Participant> participants,
                      const std::map<Key, CommittedOffset>& places) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until all that was decided and committed survives a power cut, or has that done within
  // the interval of the log.
  absl::Status WaitDurable(std::chrono::steady_clock::time_point deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncLater() ABSL_LOCKS_EXCLUDED(mutex_);

  // What Commit does by itself, in the background, when there is much to drop.
  absl::Status Compact() ABSL_LOCKS_EXCLUDED(compact_mutex_, mutex_);

 private:
  struct Snapshot {  // of what was committed, when it was last written down
    Offset at;
    IdSet ids;
  };

  struct Deciding {
    DecisionRecord decision;
    Offset at;
    Timestamp when;
    std::vector<PlaceRecord> places;
  };

  static std::shared_ptr<Place> MakePlace(const Key& key);
  absl::StatusOr<std::shared_ptr<Place>> FindPlace(const Key& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(Place& place, Offset offset, std::string_view metadata)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Store(Place& place, Offset offset, std::string_view metadata)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static absl::Status CheckMetadata(std::string_view metadata);
  // Whether nothing has to be appended for that.
  bool IsAsCommitted(const Place& place, Offset offset, std::string_view metadata) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // To where, or nowhere.
  using Move = std::pair<std::shared_ptr<Place>, std::optional<Offset>>;
  absl::Status MoveAll(const std::vector<Move>& moves) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::uint64_t> BeginInEpoch(std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AppendDecision(std::uint64_t id, std::vector<Participant> participants,
                              const std::map<Key, CommittedOffset>& offsets)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsInMemory(const Key& key);
  // Makes the topic, and notes who writes now, before the first record of this open.
  absl::Status PrepareAppend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  OpenRecord ThisOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True, once, when there is so much to drop that CompactSoon should follow.
  bool TakeCompactionDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // With no lock held, since it may be done at once.
  void CompactSoon() ABSL_LOCKS_EXCLUDED(mutex_);
  void CompactUnasked() ABSL_LOCKS_EXCLUDED(compact_mutex_, mutex_);  // throws nothing

  // Reads what is new in the topic; all of it the first time. Only a read-only broker finds
  // anything later: what another process has committed.
  absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Goes once over all that there is, to know what counts before anything is taken in.
  absl::StatusOr<std::optional<Snapshot>> FindSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of a follower whose next record was dropped: begins with what there is now.
  absl::Status ReadAnew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Apply(const RecordView& record, const std::optional<Snapshot>& snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // DataLoss: some places of the decision that was read last are missing.
  absl::Status CheckConcluded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When its places have been read: whether it counts, and what follows from that.
  absl::Status Conclude(const Deciding& read, const std::optional<Snapshot>& snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take(PlaceRecord record, Timestamp when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether all that the transaction wrote is there.
  absl::StatusOr<bool> IsWhole(const DecisionRecord& decision, Offset at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After another boot of the machine: draws places back to the ends of their partitions, and notes
  // what is committed.
  absl::Status RecoverFromPowerCut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AppendSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What has been read is as if it had been appended since a snapshot of what counts of it.
  void NoteBytesRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A place of a memory topic went with the process that committed it.
  void ForgetPlacesInMemory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Frames of transactions that a power cut could take, though their decisions stay: by partition
  // the last one.
  using Unsettled = std::map<LostTransactions::Key, Offset>;
  void NoteUnsettled(const Participant& one) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes these durable; with no lock held, so that commits go on. Unavailable: something before
  // one of them is not committed yet, so nothing behind that can be.
  absl::Status Settle(const Unsettled& frames, std::chrono::steady_clock::time_point deadline);

  const LogContext& context_;
  Catalog& catalog_;
  DecisionTable& decisions_;
  BackgroundWork& background_;
  const std::string boot_;

  Mutex compact_mutex_ ABSL_ACQUIRED_BEFORE(mutex_){LockOrder::kOffsetCompaction};
  Mutex mutex_{LockOrder::kOffsets};
  std::shared_ptr<PartitionLog> log_ ABSL_GUARDED_BY(mutex_);
  Cursor cursor_ ABSL_GUARDED_BY(mutex_);
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  // A record could not be taken in: nothing behind it is, however often it is asked for.
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  bool is_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_noted_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_open_durable_ ABSL_GUARDED_BY(mutex_) = false;
  // Those that are committed, or that somebody has; others go when they are many.
  std::map<Key, std::shared_ptr<Place>> places_ ABSL_GUARDED_BY(mutex_);
  SweepThreshold places_sweep_ ABSL_GUARDED_BY(mutex_);
  std::string buffer_ ABSL_GUARDED_BY(mutex_);  // for the value of a record that is appended

  // While reading: who wrote what follows; the decision whose places come next; and the places of
  // transactions that do not count.
  OpenRecord writer_ ABSL_GUARDED_BY(mutex_);
  std::optional<Deciding> deciding_ ABSL_GUARDED_BY(mutex_);
  std::set<Key> void_places_ ABSL_GUARDED_BY(mutex_);
  // Of the decisions before here, which ones have lost records.
  Offset surveyed_end_ ABSL_GUARDED_BY(mutex_);
  LostTransactions lost_ ABSL_GUARDED_BY(mutex_);
  // Something was written in another boot, and nobody has noted since then what of it is there.
  bool needs_recovery_ ABSL_GUARDED_BY(mutex_) = false;

  IdSet parts_ ABSL_GUARDED_BY(mutex_);  // of a "committed" record that is yet to come
  std::atomic<std::int64_t> foreign_records_{0};

  Unsettled unsettled_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t appended_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes beside the last snapshot
  std::uint64_t snapshot_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_compaction_asked_for_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSET_STORE_H_
