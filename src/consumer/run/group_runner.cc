#include "consumer/run/group_runner.h"

#include <algorithm>
#include <new>
#include <stop_token>
#include <utility>

#include "base/planted_bug.h"
#include "consumer/run/attempt.h"
#include "consumer/run/sleep_times.h"

namespace daybook::inline v1 {
namespace {

// How long to wait for room before the partitions are paused for it, which costs a little for each.
constexpr std::chrono::milliseconds kPatience{5};
// How long the others of a group wait for this member at most while it hands out what it has.
constexpr std::chrono::milliseconds kUnpolled{20};

}  // namespace

GroupRunner::GroupRunner(Settings settings)
    : settings_(std::move(settings)),
      records_(settings_.options),
      finished_(settings_.guarantee, *settings_.clock, settings_.options.commit_interval),
      handler_({.guarantee = settings_.guarantee,
                .options = settings_.options,
                .handler = settings_.handler,
                .dead_letters = settings_.dead_letters ? &*settings_.dead_letters : nullptr,
                .on_error = [this] { Wake(); }}),
      pool_({.threads = settings_.options.threads,
             .lanes = records_.lanes(),
             .clock = settings_.clock,
             .threads_of = settings_.threads,
             .attempt = [this](const KeyedTask& task,
                               int attempt) { return handler_.Attempt(task, attempt); },
             .wake = [this] { Wake(); }}) {}

RebalanceListener GroupRunner::Listener() {
  RebalanceListener listener;
  listener.on_assigned = [this](Consumer&, const std::vector<TopicPartition>&) {
    pauses_.OnAssigned();
  };
  listener.on_revoked = [this](Consumer&, const std::vector<TopicPartition>& partitions) {
    OnRevoked(partitions);
  };
  listener.on_lost = [this](Consumer&, const std::vector<TopicPartition>& partitions) {
    OnLost(partitions);
  };
  return listener;
}

absl::Status GroupRunner::Run(Consumer& consumer) {
  const absl::Status no_memory = NoMemoryToRun();
  try {
    return RunToEnd(consumer);
  } catch (const std::bad_alloc&) {
    return no_memory;
  }
}

absl::Status GroupRunner::RunToEnd(Consumer& consumer) {
  consumer_ = &consumer;
  // However this ends, no worker may wake a consumer that is gone.
  const PoolStopper stopper{pool_};
  finished_.BeginInterval();
  absl::Status result = pool_.Start();
  const std::stop_token& stop = settings_.options.stop;
  const std::stop_callback on_stop(stop, [this] { Wake(); });
  while (result.ok() && !stop.stop_requested()) result = Turn();
  return Finish(std::move(result));
}

absl::Status GroupRunner::Turn() {
  Collect();
  if (handler_.has_failed()) return handler_.failure();
  if (finished_.is_due()) {
    const auto status = finished_.CommitAll(*consumer_, records_.Assigned());
    if (!status.ok()) return status;
  }
  Dispatch();
  auto status = pauses_.HoldBack(*consumer_, records_);
  if (!status.ok()) return status;
  if (records_.has_pending()) {
    const bool may_wait =
        !pauses_.is_all_paused() && std::chrono::steady_clock::now() < last_poll_ + kUnpolled;
    if (may_wait && WaitBriefly()) return absl::OkStatus();
    status = pauses_.PauseAll(*consumer_);
  } else {
    status = pauses_.ResumeAll(*consumer_, records_);
  }
  if (!status.ok()) return status;
  auto batch = consumer_->Poll(PollTimeout());
  last_poll_ = std::chrono::steady_clock::now();
  // Woken: the next turn sees what for.
  if (absl::IsCancelled(batch.status())) return absl::OkStatus();
  if (!batch.ok()) return PassDamage(batch.status());
  if (!batch->empty()) records_.Accept(*std::move(batch));
  return absl::OkStatus();
}

void GroupRunner::Dispatch() {
  records_.Dispatch(tasks_);
  pool_.Push(tasks_);
  tasks_.clear();
}

void GroupRunner::Collect() {
  pool_.Collect(done_);
  if (records_.TakeBack(done_)) finished_.Add();
  done_.clear();
}

bool GroupRunner::WaitBriefly() {
  const auto key = event_.PrepareForCertainNotify();
  pool_.WakeWhen(quarter());
  Collect();
  if (!records_.has_room()) {
    event_.CommitWait(key, std::chrono::steady_clock::now() + kPatience);
    Collect();
  }
  pool_.WakeWhen(0);
  return records_.has_room();
}

std::int64_t GroupRunner::quarter() const {
  return std::max<std::int64_t>(1, settings_.options.max_in_flight / 4);
}

std::chrono::nanoseconds GroupRunner::PollTimeout() {
  constexpr std::chrono::nanoseconds kNow(0);
  const bool commits = !is_at_most_once() && (records_.in_flight() != 0 || finished_.has_news());
  const auto until_commit = finished_.until_due();
  const bool is_due = commits && until_commit <= kNow;
  if (is_due || pauses_.is_some_ahead() || records_.has_pending()) {
    const std::int64_t before = records_.in_flight();
    pool_.WakeWhen(is_due ? 1 : quarter());
    Collect();
    if (records_.in_flight() != before) return kNow;
  }
  if (!commits) return kIdle;
  if (until_commit > kNow) return until_commit;
  return finished_.has_news() ? kNow : kIdle;
}

void GroupRunner::Drain(const PartitionStreams& streams, LaneMode mode,
                        std::chrono::steady_clock::time_point deadline) {
  // What is committed already has to be handled here, or nowhere.
  if (!is_at_most_once()) records_.DropPending(streams);
  for (const auto& stream : streams) {
    LaneMode expected = LaneMode::kRun;  // a worker may have dropped it
    stream->mode.compare_exchange_strong(expected, mode);
  }
  pool_.RetryNow();
  const auto is_drained = [this](const auto& stream) { return records_.IsDrained(*stream); };
  for (bool is_in_time = true; is_in_time;) {
    const auto key = event_.PrepareForCertainNotify();
    pool_.WakeWhen(1);
    Collect();
    if (is_at_most_once()) Dispatch();
    if (std::all_of(streams.begin(), streams.end(), is_drained)) break;
    is_in_time = event_.CommitWait(key, deadline);
  }
  pool_.WakeWhen(0);
  records_.DropPending(streams);
  for (const auto& stream : streams) stream->mode.store(LaneMode::kDrop);
}

void GroupRunner::OnRevoked(const std::vector<TopicPartition>& partitions) {
  const PartitionStreams streams = records_.Take(partitions);
  if (streams.empty()) return;
  if (IsPlanted(PlantedBug::kCommitBeforeDrain)) {
    finished_.Commit(*consumer_, streams, &OffsetTracker::position).IgnoreError();
  }
  Drain(streams, LaneMode::kDrain,
        std::chrono::steady_clock::now() + settings_.options.drain_timeout);
  if (auto status = finished_.Commit(*consumer_, streams); !status.ok()) {
    handler_.Fail(std::move(status));
  }
  // The Poll under way waits for what it asked of the pool, and the drain has taken that back.
  consumer_->Wakeup();
}

void GroupRunner::OnLost(const std::vector<TopicPartition>& partitions) {
  const PartitionStreams streams = records_.Take(partitions);
  // Somebody else handles them; but nobody does what was committed before.
  if (is_at_most_once()) return;
  records_.DropPending(streams);
  for (const auto& stream : streams) stream->mode.store(LaneMode::kDrop);
  pool_.RetryNow();
}

absl::Status GroupRunner::Finish(absl::Status result) {
  const bool is_gentle = result.ok() || is_at_most_once();
  Drain(records_.Unfinished(), is_gentle ? LaneMode::kDrain : LaneMode::kDrop,
        std::chrono::steady_clock::now() + settings_.options.drain_timeout);
  const auto committed = finished_.CommitAll(*consumer_, records_.Assigned());
  records_.Forget();  // nothing more to do when they are revoked
  // A static member keeps its place, for the next Run.
  const auto left = settings_.options.instance_id.empty() ? consumer_->Leave() : absl::OkStatus();
  // Other members go on with the partitions; what is still under way here is waited for.
  pool_.Stop();
  if (!result.ok()) return result;
  if (auto status = handler_.failure(); !status.ok()) return status;
  return committed.ok() ? left : committed;
}

void GroupRunner::Wake() {
  event_.Notify();
  consumer_->Wakeup();
}

}  // namespace daybook::inline v1
