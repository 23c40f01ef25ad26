#ifndef DAYBOOK_BROKER_OFFSETS_OFFSET_STORE_H_
#define DAYBOOK_BROKER_OFFSETS_OFFSET_STORE_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/background/sync_scheduler.h"
#include "broker/offsets/committed_offsets.h"
#include "broker/offsets/offset_record.h"
#include "broker/offsets/offset_replay.h"
#include "broker/offsets/state_log.h"
#include "broker/offsets/undurable_participants.h"
#include "broker/topics/catalog.h"
#include "broker/transactions/decision_table.h"
#include "daybook/committed_offset.h"

namespace daybook::inline v1 {

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

  // All must outlive the store. `catalog` has the store's own topic, `of_groups` those that groups
  // read; mostly it is the same.
  OffsetStore(const LogContext& context, Catalog& catalog, Catalog& of_groups,
              DecisionTable& decisions, SyncScheduler& background);
  ~OffsetStore();

  // Reads what there is, if there is anything, and decides what a crash left undecided. Others call
  // it when they need it.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  // Records that are none of ours, nor of a version that we know; they are passed over.
  std::int64_t foreign_records() const { return replay_.foreign_records(); }

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
  absl::StatusOr<std::optional<CommittedOffset>> CommittedOf(const CommittedOffsets::Entry& entry)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // All of a group, by topic and partition.
  absl::StatusOr<std::map<Key, CommittedOffset>> FindGroup(std::string_view group)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // See CommittedOffsets::ReadByAll.
  absl::StatusOr<std::optional<Offset>> ReadByAll(std::string_view topic, int partition)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Without kTopicIds.
  absl::StatusOr<std::vector<std::string>> Groups() ABSL_LOCKS_EXCLUDED(mutex_);

  // One that is committed often: found once, and kept as long as somebody has it.
  using Entry = CommittedOffsets::Entry;
  using EntryPtr = CommittedOffsets::EntryPtr;
  absl::StatusOr<EntryPtr> EntryOf(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Commit(Entry& entry, Offset offset, std::string_view metadata)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    return Commit(
        entry, offset, metadata, [] { return absl::OkStatus(); }, [] {});
  }
  // The same if `check` is OK, and then calls `committed`, all of it under mutex(): as long as that
  // is held no commit is under way, and what changes under it each later check sees.
  template <typename Check, typename Committed>
  absl::Status Commit(Entry& entry, Offset offset, std::string_view metadata, Check check,
                      Committed committed) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(mutex_);
      if (auto status = check(); !status.ok()) return status;
      if (auto status = Store(entry, offset, metadata); !status.ok()) return status;
      committed();
      if (!TakeCompactionDue()) return absl::OkStatus();
    }
    CompactSoon();
    return absl::OkStatus();
  }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // How many are kept in memory.
  std::size_t entries() ABSL_LOCKS_EXCLUDED(mutex_);

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
  // Waits until no power cut can put a group back before where it is now: until that is durable,
  // and so are the records of the transactions that took groups there.
  absl::Status WaitFinal(std::chrono::steady_clock::time_point deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncLater() ABSL_LOCKS_EXCLUDED(mutex_);

  // What Commit does by itself, in the background, when there is much to drop.
  absl::Status Compact() ABSL_LOCKS_EXCLUDED(compact_mutex_, mutex_);

 private:
  absl::StatusOr<EntryPtr> FindEntry(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(Entry& entry, Offset offset, std::string_view metadata)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Store(Entry& entry, Offset offset, std::string_view metadata)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether nothing has to be appended for that.
  bool IsAsCommitted(const Entry& entry, Offset offset, std::string_view metadata) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // To where, or nowhere.
  using Move = std::pair<EntryPtr, std::optional<Offset>>;
  absl::Status MoveAll(const std::vector<Move>& moves) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::uint64_t> BeginInEpoch(std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AppendDecision(std::uint64_t id, std::vector<Participant> participants,
                              const std::map<Key, CommittedOffset>& offsets)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether it is one of a memory topic; the entry remembers that.
  bool IsInMemory(const Key& key) const;
  bool IsInMemory(Entry& entry) const;
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
  absl::Status Replay() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is to be done before the first append behind what was read.
  absl::Status StartWriting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After another boot of the machine: draws offsets back to the ends of their partitions, and
  // notes what is committed.
  absl::Status RecoverFromPowerCut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AppendSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LogContext& context_;
  Catalog& catalog_;  // of the topics that groups read
  DecisionTable& decisions_;
  SyncScheduler& background_;

  Mutex compact_mutex_ ABSL_ACQUIRED_BEFORE(mutex_){LockOrder::kOffsetCompaction};
  Mutex mutex_{LockOrder::kOffsets};
  StateLog log_ ABSL_GUARDED_BY(mutex_);
  CommittedOffsets offsets_ ABSL_GUARDED_BY(mutex_);
  UndurableParticipants undurable_ ABSL_GUARDED_BY(mutex_);
  OffsetReplay replay_;  // guarded by mutex_, but for foreign_records()
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  bool is_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_noted_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_open_durable_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_compaction_asked_for_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_OFFSET_STORE_H_
