#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "consumer/consumer_state.h"

// How a member commits.

namespace daybook::inline v1 {

absl::Status Consumer::State::NeedsTransaction() const {
  return absl::FailedPreconditionError(
      absl::StrCat("the group ", group_->name(),
                   " is at Guarantee::kExactlyOnce: give Positions() to a Transaction, which "
                   "commits them together with the results"));
}

absl::Status Consumer::State::CheckCommit() {
  if (has_left_ || is_fenced_) [[unlikely]]
    return CheckStanding();
  if (options_.guarantee == Guarantee::kExactlyOnce) [[unlikely]]
    return NeedsTransaction();
  group_->DropLost(core_.clock().MonotonicNow());
  return absl::OkStatus();
}

absl::Status Consumer::State::CommitOne(Entry& entry, Offset offset, std::string_view metadata) {
  if (offset < Offset(0)) {
    return absl::InvalidArgumentError(absl::StrCat("the offset ", offset.value(), " of ",
                                                   entry.topic.name(), "-", entry.partition,
                                                   " cannot be committed; offsets begin at 0"));
  }
  // What was read is not behind the end.
  if (entry.was_moved || offset > entry.cursor.offset) {
    const auto end = entry.log().end_offset();
    if (!end.ok()) return end.status();
    if (offset > *end) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the offset ", offset.value(), " of ", entry.topic.name(), "-", entry.partition,
          " cannot be committed; the partition ends at ", end->value()));
    }
  }
  auto status = group_->Commit(member_.id, *entry.of_group, offset, metadata);
  if (status.ok()) entry.stored = offset;
  return status;
}

absl::Status Consumer::State::CommitOne(const TopicPartition& partition,
                                        const CommittedOffset& committed) {
  Entry* const entry = cursors_.Find(partition.topic, partition.partition);
  if (entry != nullptr) return CommitOne(*entry, committed.offset, committed.metadata);
  if (IsPlanted(PlantedBug::kNoGenerationCheck)) {
    return group_->Commit(member_.id, partition, committed.offset, committed.metadata);
  }
  return absl::AbortedError(absl::StrCat(partition.topic, "-", partition.partition,
                                         " is not assigned to ", member_.id,
                                         "; what was not committed, its owner reads again"));
}

absl::Status Consumer::State::EndCommit(const absl::Status& result) {
  // Also lets go of what others are waiting for, now that all of it is committed.
  if (!is_in_listener_) {
    if (const auto status = RebalanceIfNeeded(false); !status.ok()) return status;
  }
  return result;
}

absl::Status Consumer::State::Commit() {
  if (const auto status = CheckCommit(); !status.ok()) return status;
  absl::Status result;
  for (Entry& entry : cursors_.entries()) {
    const Offset offset = entry.cursor.offset;
    if (!entry.has_place) continue;
    const bool is_same = entry.stored == offset;
    if (is_same && core_.clock().MonotonicNow() < entry.stale_at) continue;
    if (entry.log().is_deleted()) continue;
    const auto status = CommitOne(entry, offset, "");
    if (is_same && status.ok()) entry.stale_at = core_.clock().MonotonicNow() + kPlaceRefresh;
    if (!status.ok() && (result.ok() || !absl::IsAborted(status))) result = status;
  }
  return EndCommit(result);
}

absl::Status Consumer::State::Commit(const std::map<TopicPartition, CommittedOffset>& offsets) {
  if (const auto status = CheckCommit(); !status.ok()) return status;
  absl::Status result;
  for (const auto& [partition, committed] : offsets) {
    const auto status = CommitOne(partition, committed);
    if (!status.ok() && (result.ok() || !absl::IsAborted(status))) result = status;
  }
  return EndCommit(result);
}

absl::StatusOr<bool> Consumer::State::CommitBeforeDelivery(const RecordBatch& batch) {
  Entry* entry = cursors_.Find(batch.topic(), batch.partition());
  const auto status = CommitOne(*entry, entry->cursor.offset, "");
  if (status.ok()) return true;
  // Nobody has seen them.
  entry->MoveTo(batch.begin_offset());
  if (!absl::IsAborted(status)) return status;
  epoch_ = 0;  // who has it now, the coordinator knows
  return false;
}

GroupOffsets Consumer::State::Positions() {
  GroupOffsets positions{
      .group = group_->name(), .member_id = member_.id, .generation = generation_, .offsets = {}};
  for (const Entry& entry : cursors_.entries()) {
    if (entry.has_place) positions.offsets[NameOf(entry)] = {.offset = entry.cursor.offset};
  }
  return positions;
}

}  // namespace daybook::inline v1
