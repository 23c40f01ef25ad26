#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "consumer/consumer_state.h"

// How a member commits.

namespace daybook::inline v1 {

absl::Status Consumer::State::NeedsTransaction() const {
  return absl::FailedPreconditionError(
      absl::StrCat("the group ", member_.group().name(),
                   " is at Guarantee::kExactlyOnce: give Positions() to a Transaction, which "
                   "commits them together with the results"));
}

absl::Status Consumer::State::CheckCommit() {
  if (member_.is_gone()) [[unlikely]]
    return member_.CheckStanding();
  if (options_.guarantee == Guarantee::kExactlyOnce) [[unlikely]]
    return NeedsTransaction();
  member_.group().DropLost(core_.clock().MonotonicNow());
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
    if (offset == entry.cursor.offset) entry.was_moved = false;
  }
  auto status = member_.group().Commit(member_.id(), *entry.of_group, offset, metadata);
  if (status.ok()) entry.stored = offset;
  return status;
}

absl::Status Consumer::State::CommitOne(const TopicPartition& partition,
                                        const CommittedOffset& committed) {
  Entry* const entry = positions_.cursors().Find(partition.topic, partition.partition);
  if (entry != nullptr) return CommitOne(*entry, committed.offset, committed.metadata);
  if (IsPlanted(PlantedBug::kNoGenerationCheck)) {
    return member_.group().Commit(member_.id(), partition, committed.offset, committed.metadata);
  }
  return absl::AbortedError(absl::StrCat(partition.topic, "-", partition.partition,
                                         " is not assigned to ", member_.id(),
                                         "; what was not committed, its owner reads again"));
}

absl::Status Consumer::State::EndCommit(const absl::Status& result) {
  // Also lets go of what others are waiting for, now that all of it is committed.
  if (!listener_.is_inside()) {
    if (const auto status = RebalanceIfNeeded(false); !status.ok()) return status;
  }
  return result;
}

absl::Status Consumer::State::Commit() {
  if (const auto status = CheckCommit(); !status.ok()) return status;
  absl::Status result;
  for (Entry& entry : positions_.entries()) {
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
  Entry* entry = positions_.cursors().Find(batch.topic(), batch.partition());
  const auto status = CommitOne(*entry, entry->cursor.offset, "");
  if (status.ok()) return true;
  // Nobody has seen them.
  entry->MoveTo(batch.begin_offset());
  if (!absl::IsAborted(status)) return status;
  member_.SyncAgain();  // who has it now, the coordinator knows
  return false;
}

absl::StatusOr<CommittedOffset> Consumer::State::Committed(const TopicPartition& partition) {
  const auto place =
      core_.group_offsets().Find({member_.group().name(), partition.topic, partition.partition});
  if (!place.ok()) return place.status();
  if (!place->has_value()) {
    return absl::NotFoundError(absl::StrCat("the group ", member_.group().name(),
                                            " has no place in ", partition.topic, "-",
                                            partition.partition));
  }
  return **place;
}

absl::StatusOr<std::map<TopicPartition, CommittedOffset>> Consumer::State::CommittedOffsets(
    const std::vector<TopicPartition>& partitions) {
  std::map<TopicPartition, CommittedOffset> committed;
  for (const TopicPartition& partition : partitions) {
    auto place =
        core_.group_offsets().Find({member_.group().name(), partition.topic, partition.partition});
    if (!place.ok()) return place.status();
    if (place->has_value()) committed.emplace(partition, **std::move(place));
  }
  return committed;
}

}  // namespace daybook::inline v1
