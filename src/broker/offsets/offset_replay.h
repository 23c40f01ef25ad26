#ifndef DAYBOOK_BROKER_OFFSETS_OFFSET_REPLAY_H_
#define DAYBOOK_BROKER_OFFSETS_OFFSET_REPLAY_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/offsets/committed_offsets.h"
#include "broker/offsets/offset_record.h"
#include "broker/offsets/undurable_participants.h"
#include "broker/topics/catalog.h"
#include "broker/transactions/decision_table.h"
#include "broker/transactions/lost_transactions.h"
#include "daybook/record.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// What the records of __consumer_offsets mean, read in their order: which committed offsets and
// which transactions count. offset_recovery.cc says why a power cut makes that a question. Its
// owner's lock guards it, but for foreign_records().
class OffsetReplay {
 public:
  // `boot`: of the machine, now. All must outlive this.
  OffsetReplay(std::string boot, Catalog& catalog, DecisionTable& decisions,
               UndurableParticipants& undurable)
      : boot_(std::move(boot)), catalog_(catalog), decisions_(decisions), undurable_(undurable) {}

  const std::string& boot() const { return boot_; }

  // Goes once over all that there is, to know what counts before anything is taken in.
  absl::Status Survey(PartitionLog& log);
  bool has_surveyed() const { return surveyed_end_ != Offset(0); }

  // Takes in the next record. After an error nothing behind that record is, however often it is
  // asked for: see error().
  absl::Status Apply(const RecordView& record, CommittedOffsets& offsets);
  // That was the last one. DataLoss: some offsets of the decision that was read last are missing.
  absl::Status Finish();
  const absl::Status& error() const { return error_; }
  // Begins with another first record.
  void Restart();

  // The epoch of a process that writes from here on.
  std::uint64_t next_epoch() const { return writer_.epoch + 1; }
  // Something was written in another boot, and nobody has noted since then what of it is there.
  bool needs_recovery() const { return needs_recovery_; }
  // Of transactions that do not count: what was committed before them does.
  const std::set<PlaceKey>& rolled_back_offsets() const { return rolled_back_offsets_; }
  // What needed recovery was noted.
  void SetRecovered();

  // Records that are none of ours, nor of a version that we know; they are passed over. Any thread.
  std::int64_t foreign_records() const { return foreign_records_.load(std::memory_order_relaxed); }

 private:
  struct Snapshot {  // of what was committed, when it was last written down
    Offset at;
    IdSet ids;
  };
  struct Deciding {
    DecisionRecord decision;
    Offset at;
    Timestamp when;
    std::vector<PlaceRecord> offsets;
  };

  absl::Status ApplyDecoded(OffsetRecord decoded, const RecordView& record,
                            CommittedOffsets& offsets);
  absl::Status CheckDecided() const;
  // When its offsets have been read: whether it counts, and what follows from that.
  absl::Status ApplyDecision(const Deciding& read, CommittedOffsets& offsets);
  // Whether all that the transaction wrote is there.
  absl::StatusOr<bool> IsWhole(const DecisionRecord& decision, Offset at);
  void NoteWriter();
  bool IsBehindSnapshot(Offset at) const { return !snapshot_ || at > snapshot_->at; }

  const std::string boot_;
  Catalog& catalog_;
  DecisionTable& decisions_;
  UndurableParticipants& undurable_;
  std::optional<Snapshot> snapshot_;  // the last one that the survey found
  Offset surveyed_end_;               // of the decisions before here lost_ knows
  LostTransactions lost_;
  OpenRecord writer_;                 // of what follows
  std::optional<Deciding> deciding_;  // the decision whose offsets come next
  std::set<PlaceKey> rolled_back_offsets_;
  IdSet parts_;  // of a "committed" record that is yet to come
  bool needs_recovery_ = false;
  absl::Status error_;
  std::atomic<std::int64_t> foreign_records_{0};
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_OFFSETS_OFFSET_REPLAY_H_
