#include "consumer/consumer_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "log/read/damage.h"

namespace daybook::inline v1 {

Consumer::State::State(std::shared_ptr<BrokerCore> core, std::shared_ptr<GroupCoordinator> group,
                       const GroupOptions& options, Subscription subscription,
                       JoinOptions join_options)
    : shared_core_(std::move(core)),
      core_(*shared_core_),
      options_(options),
      member_(std::move(group), {.subscription = std::move(subscription),
                                 .instance_id = std::move(join_options.instance_id),
                                 .assignor = options.assignor,
                                 .custom_assignor = options.custom_assignor,
                                 .max_poll_interval = options.max_poll_interval,
                                 .begins_at_end = options.offset_reset == OffsetReset::kLatest}),
      listener_(std::move(join_options.listener)),
      positions_(core_, member_) {}

absl::Status Consumer::State::Leave() {
  if (listener_.is_inside()) {
    return absl::FailedPreconditionError("a listener cannot call Leave; return from it first");
  }
  if (member_.has_left()) return absl::OkStatus();
  const std::vector<TopicPartition> all = positions_.Assignment();
  if (member_.group().IsMember(member_.id())) {
    listener_.OnRevoked(all);
  } else {
    listener_.OnLost(all);
  }
  positions_.Remove({all.begin(), all.end()});
  member_.Leave();
  return absl::OkStatus();
}

absl::StatusOr<std::map<TopicPartition, Offset>> Consumer::State::OffsetsOf(
    const std::vector<TopicPartition>& partitions, const ConsumerPositions::ChooseOffset& choose) {
  std::map<TopicPartition, Offset> offsets;
  for (const TopicPartition& partition : partitions) {
    const auto topic = core_.catalog().Find(partition.topic);
    if (!topic.ok()) return topic.status();
    if (auto status = CheckPartition(*topic, partition.partition); !status.ok()) return status;
    const auto offset = choose(Access::Log(topic->partition(partition.partition)));
    if (!offset.ok()) return offset.status();
    offsets.emplace(partition, *offset);
  }
  return offsets;
}

absl::Status Consumer::State::IsInUse() const {
  return absl::FailedPreconditionError(absl::StrCat(
      "another thread is in a call of this consumer of the group ", member_.group().name(),
      "; give each thread a consumer of its own, or take turns. Wakeup ends a Poll"));
}

absl::StatusOr<RecordBatch> Consumer::State::Poll(std::chrono::nanoseconds timeout) {
  if (listener_.is_inside()) {
    return absl::FailedPreconditionError("a listener cannot call Poll; return from it first");
  }
  MonotonicTime now = core_.clock().MonotonicNow();
  std::optional<std::chrono::steady_clock::time_point> deadline;  // once it matters
  positions_.cursors().Disarm();
  for (;;) {
    member_.group().DropLost(now);  // which this member may be, too
    member_.deadline().Restart(now);
    if (core_.catalog().is_closed()) [[unlikely]]
      return core_.Check();
    if (const auto status = RebalanceIfNeeded(true); !status.ok()) return status;
    if (auto status = positions_.cursors().TakeWakeup(); !status.ok()) return status;
    if (positions_.lacks_place()) [[unlikely]]
      return positions_.NoPlace();
    auto batch = positions_.cursors().ReadNext(options_.batch);
    if (!batch.ok()) {
      const auto goes_on = RecoverFromReadError(batch.status());
      if (!goes_on.ok()) return goes_on.status();
      if (*goes_on) continue;
      return batch;
    }
    if (!batch->empty()) {
      if (options_.guarantee != Guarantee::kAtMostOnce) return batch;
      const auto is_ours = CommitBeforeDelivery(*batch);
      if (!is_ours.ok()) return is_ours.status();
      if (*is_ours) return batch;
      continue;
    }
    if (!deadline && timeout.count() > 0) {
      deadline = DeadlineAfter(timeout);
    } else if (!deadline || std::chrono::steady_clock::now() >= *deadline) {
      if (core_.follower() != nullptr && !member_.is_in_sync()) continue;  // noticed while reading
      positions_.cursors().Arm(&member_.group().waiters(),
                               [this] { return !member_.is_in_sync(); });
      return batch;
    }
    now = Park(*deadline);
  }
}

MonotonicTime Consumer::State::Park(std::chrono::steady_clock::time_point deadline) {
  Clock& clock = core_.clock();
  member_.deadline().Stop();
  const MonotonicTime before = clock.MonotonicNow();
  const auto until = DeadlineAfter(member_.group().deadlines().SleepUntil(before) - before);
  positions_.cursors().Wait(std::min(deadline, until), &member_.group().waiters(),
                            [this] { return !member_.is_in_sync(); });
  const MonotonicTime now = clock.MonotonicNow();
  member_.deadline().Start(now);
  member_.group().deadlines().Include(member_.deadline().at(), member_.deadline().interval());
  return now;
}

absl::StatusOr<bool> Consumer::State::RecoverFromReadError(const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    // When a topic was deleted, the others go on.
    std::vector<TopicPartition> gone;
    for (const Entry& entry : positions_.entries()) {
      if (entry.log().is_deleted()) gone.push_back(ConsumerPositions::NameOf(entry));
    }
    listener_.OnLost(gone);
    positions_.Remove({gone.begin(), gone.end()});
    return !gone.empty();
  }
  if (!absl::IsOutOfRange(status)) return false;
  // Partitions whose position was dropped go on as if the group had no place in them.
  bool was_reset = false;
  for (Entry& entry : positions_.entries()) {
    if (!entry.has_place) continue;
    const auto begin = entry.log().begin_offset();
    if (!begin.ok()) return begin.status();
    if (entry.cursor.offset >= *begin) {
      const auto end = entry.log().end_offset();
      if (!end.ok()) return end.status();
      // What was read is there no more: the process that writes has lost it in a power cut.
      if (entry.was_moved || entry.cursor.offset <= *end) continue;
      was_reset = true;
      // Here the group goes on, also if this member is lost before it commits anything: by then the
      // end may be behind the place of before.
      const auto fixed = member_.group().Commit(member_.id(), *entry.of_group, *end);
      if (!fixed.ok() && !absl::IsAborted(fixed)) return fixed;
      entry.MoveTo(*end);
      entry.began = *end;
      continue;
    }
    const bool is_dropped = entry.topic.options().storage == Storage::kMemory;
    was_reset = true;
    const bool goes_on = options_.offset_reset != OffsetReset::kNone;
    if (!goes_on) {
      entry.has_place = false;
      entry.began.reset();
      if (!is_dropped) continue;
    }
    const auto offset =
        options_.offset_reset == OffsetReset::kLatest ? entry.log().end_offset() : *begin;
    if (!offset.ok()) return offset.status();
    const DamagedRange range{.topic = entry.topic.name(),
                             .partition = entry.partition,
                             .begin_offset = entry.cursor.offset,
                             .end_offset = *offset};
    // As where a group begins: with this member alone it would be lost with it, and the next one
    // would be told again.
    if (goes_on && (is_dropped ? commits_drops_ : options_.offset_reset == OffsetReset::kLatest)) {
      const auto fixed = member_.group().Commit(member_.id(), *entry.of_group, *offset);
      if (!fixed.ok() && !absl::IsAborted(fixed)) return fixed;
    }
    if (goes_on) {
      entry.MoveTo(*offset);
      entry.began = *offset;
    }
    if (is_dropped) {
      positions_.cursors().Moved();
      positions_.UpdateHeld();
      return WithRange(
          absl::OutOfRangeError(absl::StrCat(
              range.topic, "-", range.partition, ": the group ", member_.group().name(),
              " was too slow for a topic in memory that drops; the records from ",
              range.begin_offset.value(), " to ", range.end_offset.value(), " are gone unread. ",
              goes_on ? "Poll goes on behind them"
                      : "OffsetReset is kNone; Seek to where it shall go on")),
          range);
    }
  }
  positions_.UpdateHeld();
  return was_reset;
}

}  // namespace daybook::inline v1
