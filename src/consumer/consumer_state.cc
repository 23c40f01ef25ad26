#include "consumer/consumer_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/read/damage.h"

namespace daybook::inline v1 {

Consumer::State::State(std::shared_ptr<BrokerCore> core, std::shared_ptr<GroupCoordinator> group,
                       const GroupOptions& options, Subscription subscription,
                       JoinOptions join_options)
    : shared_core_(std::move(core)),
      core_(*shared_core_),
      group_(std::move(group)),
      options_(options),
      subscription_(std::move(subscription)),
      join_options_(std::move(join_options)),
      cursors_() {}

Consumer::State::~State() {
  if (has_left_ || member_.id.empty()) return;
  if (join_options_.instance_id.empty()) {
    group_->Leave(member_.id);
  } else {
    group_->SuspendStatic(member_.id);
  }
}

absl::Status Consumer::State::Join(bool was_lost) {
  auto member = group_->Join({.subscription = subscription_,
                              .instance_id = join_options_.instance_id,
                              .assignor = options_.assignor,
                              .custom_assignor = options_.custom_assignor,
                              .max_poll_interval = options_.max_poll_interval,
                              .was_lost = was_lost,
                              .begins_at_end = options_.offset_reset == OffsetReset::kLatest});
  if (!member.ok()) return member.status();
  member_ = *std::move(member);
  return absl::OkStatus();
}

absl::Status Consumer::State::Leave() {
  if (is_in_listener_) {
    return absl::FailedPreconditionError("a listener cannot call Leave; return from it first");
  }
  if (has_left_) return absl::OkStatus();
  const std::vector<TopicPartition> all = Assignment();
  const bool is_member = group_->IsMember(member_.id);
  const RebalanceListener& listener = join_options_.listener;
  CallListener(is_member ? listener.on_revoked : listener.on_lost, all);
  Remove({all.begin(), all.end()});
  has_left_ = true;
  group_->Leave(member_.id);
  return absl::OkStatus();
}

absl::Status Consumer::State::CheckStanding() const {
  if (has_left_) {
    return absl::FailedPreconditionError(
        absl::StrCat(member_.id, " has left the group ", group_->name(), "; join again"));
  }
  if (is_fenced_) {
    return absl::AbortedError(absl::StrCat(member_.id, " is fenced: another member of the group ",
                                           group_->name(), " has joined with its instance_id ",
                                           join_options_.instance_id, "; only one can use it"));
  }
  return absl::OkStatus();
}

absl::Status Consumer::State::IsInUse() const {
  return absl::FailedPreconditionError(
      absl::StrCat("another thread is in a call of this consumer of the group ", group_->name(),
                   "; give each thread a consumer of its own, or take turns. Wakeup ends a Poll"));
}

absl::Status Consumer::State::Lost() const {
  return absl::AbortedError(absl::StrCat(
      member_.id, " was lost: it did not poll for max_poll_interval, and what it had of the group ",
      group_->name(), " goes on with others; Poll joins again"));
}

void Consumer::State::CallListener(const RebalanceListener::Callback& callback,
                                   const std::vector<TopicPartition>& partitions) {
  if (!callback || partitions.empty()) return;
  is_in_listener_ = true;
  callback(*consumer_, partitions);
  is_in_listener_ = false;
}

absl::StatusOr<RecordBatch> Consumer::State::Poll(std::chrono::nanoseconds timeout) {
  if (is_in_listener_) {
    return absl::FailedPreconditionError("a listener cannot call Poll; return from it first");
  }
  MonotonicTime now = core_.clock().MonotonicNow();
  std::optional<std::chrono::steady_clock::time_point> deadline;  // once it matters
  cursors_.Disarm();
  for (;;) {
    group_->DropLost(now);  // which this member may be, too
    member_.deadline->Restart(now);
    if (core_.catalog().is_closed()) [[unlikely]]
      return core_.Check();
    if (const auto status = RebalanceIfNeeded(true); !status.ok()) return status;
    if (auto status = cursors_.TakeWakeup(); !status.ok()) return status;
    if (lacks_place_) [[unlikely]] {
      for (const Entry& entry : cursors_.entries()) {
        if (!entry.has_place) return NoPlace(NameOf(entry));
      }
    }
    auto batch = cursors_.ReadNext(options_.batch);
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
      cursors_.Arm(&group_->waiters(), [this] { return group_->epoch() != epoch_; });
      return batch;
    }
    now = Park(*deadline);
  }
}

MonotonicTime Consumer::State::Park(std::chrono::steady_clock::time_point deadline) {
  Clock& clock = core_.clock();
  member_.deadline->Stop();
  const MonotonicTime before = clock.MonotonicNow();
  const auto until = DeadlineAfter(group_->deadlines().SleepUntil(before) - before);
  cursors_.Wait(std::min(deadline, until), &group_->waiters(),
                [this] { return group_->epoch() != epoch_; });
  const MonotonicTime now = clock.MonotonicNow();
  member_.deadline->Start(now);
  group_->deadlines().Include(member_.deadline->at(), member_.deadline->interval());
  return now;
}

absl::StatusOr<bool> Consumer::State::RecoverFromReadError(const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    // When a topic was deleted, the others go on.
    std::vector<TopicPartition> gone;
    for (const Entry& entry : cursors_.entries()) {
      if (entry.log().is_deleted()) gone.push_back(NameOf(entry));
    }
    CallListener(join_options_.listener.on_lost, gone);
    Remove({gone.begin(), gone.end()});
    return !gone.empty();
  }
  if (!absl::IsOutOfRange(status)) return false;
  // Partitions whose position was dropped go on as if the group had no place in them.
  bool was_reset = false;
  for (Entry& entry : cursors_.entries()) {
    if (!entry.has_place) continue;
    const auto begin = entry.log().begin_offset();
    if (!begin.ok()) return begin.status();
    if (entry.cursor.offset >= *begin) continue;
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
      const auto fixed = group_->Commit(member_.id, *entry.of_group, *offset);
      if (!fixed.ok() && !absl::IsAborted(fixed)) return fixed;
    }
    if (goes_on) {
      entry.MoveTo(*offset);
      entry.began = *offset;
    }
    if (is_dropped) {
      cursors_.Moved();
      UpdateHeld();
      return WithRange(
          absl::OutOfRangeError(absl::StrCat(
              range.topic, "-", range.partition, ": the group ", group_->name(),
              " was too slow for a topic in memory that drops; the records from ",
              range.begin_offset.value(), " to ", range.end_offset.value(), " are gone unread. ",
              goes_on ? "Poll goes on behind them"
                      : "OffsetReset is kNone; Seek to where it shall go on")),
          range);
    }
  }
  UpdateHeld();
  return was_reset;
}

}  // namespace daybook::inline v1
