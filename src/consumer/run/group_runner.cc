#include "consumer/run/group_runner.h"

#include <algorithm>
#include <bit>
#include <new>
#include <span>
#include <stop_token>
#include <utility>

#include "base/checksum.h"
#include "base/planted_bug.h"
#include "consumer/run/attempt.h"

namespace daybook::inline v1 {
namespace {

// Nothing is due, and whatever happens ends the sleep.
constexpr std::chrono::minutes kIdle{1};
// How long to wait for room before the partitions are paused for it, which costs a little for each.
constexpr std::chrono::milliseconds kPatience{5};
// How long the others of a group wait for this member at most while it hands out what it has.
constexpr std::chrono::milliseconds kUnpolled{20};
// So that it is rare that a key waits for another one's next attempt.
constexpr std::size_t kLanesPerThread = 64;
constexpr std::size_t kFewestLanes = 256;
constexpr std::size_t kMostLanes = 1 << 14;

std::size_t LanesFor(int threads) {
  return std::clamp(std::bit_ceil(kLanesPerThread * static_cast<std::size_t>(threads)),
                    kFewestLanes, kMostLanes);
}

// SplitMix64: neighbouring states give unrelated bits.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

GroupRunner::GroupRunner(Settings settings)
    : settings_(std::move(settings)),
      lanes_(LanesFor(settings_.options.threads)),
      random_(
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())),
      pool_(
          {.threads = settings_.options.threads,
           .lanes = LanesFor(settings_.options.threads),
           .clock = settings_.clock,
           .threads_of = settings_.threads,
           .attempt = [this](const KeyedTask& task, int attempt) { return Attempt(task, attempt); },
           .wake = [this] { Wake(); }}) {}

RebalanceListener GroupRunner::Listener() {
  RebalanceListener listener;
  listener.on_assigned = [this](Consumer&, const std::vector<TopicPartition>&) {
    is_some_new_ = true;  // and not paused
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
  next_commit_ = settings_.clock->MonotonicNow() + settings_.options.commit_interval;
  absl::Status result = pool_.Start();
  const std::stop_token& stop = settings_.options.stop;
  const std::stop_callback on_stop(stop, [this] { Wake(); });
  while (result.ok() && !stop.stop_requested()) result = Turn();
  return Finish(std::move(result));
}

absl::Status GroupRunner::Turn() {
  Collect();
  if (has_failed_.load()) return failure();
  if (has_news_ && settings_.clock->MonotonicNow() >= next_commit_) {
    if (auto status = CommitFinished(); !status.ok()) return status;
  }
  Dispatch();
  auto status = HoldBack();
  if (!status.ok()) return status;
  if (!pending_.empty()) {
    const bool may_wait =
        !is_all_paused_ && std::chrono::steady_clock::now() < last_poll_ + kUnpolled;
    if (may_wait && WaitBriefly()) return absl::OkStatus();
    if (!is_all_paused_ || is_some_new_) status = PauseAll();
  } else if (is_all_paused_) {
    status = ResumeAll();
  }
  if (!status.ok()) return status;
  auto batch = consumer_->Poll(PollTimeout());
  last_poll_ = std::chrono::steady_clock::now();
  // Woken: the next turn sees what for.
  if (absl::IsCancelled(batch.status())) return absl::OkStatus();
  if (!batch.ok()) return PassDamage(batch.status());
  if (!batch->empty()) Accept(*std::move(batch));
  return absl::OkStatus();
}

std::shared_ptr<GroupRunner::Stream>& GroupRunner::StreamOf(const TopicPartition& name,
                                                            Offset start) {
  std::shared_ptr<Stream>& stream = streams_[name];
  if (stream == nullptr) {
    stream = std::make_shared<Stream>(name, start);
    // The same one as before if it comes back, so that no two workers have one key of it.
    stream->lane = lane_numbers_.emplace(name, lane_numbers_.size()).first->second;
  }
  return stream;
}

void GroupRunner::Accept(RecordBatch records) {
  const TopicPartition name{std::string(records.topic()), records.partition()};
  const std::shared_ptr<Stream>& stream = StreamOf(name, records.begin_offset());
  const Offset pass_to = records.next_offset();
  batches_.push_back(
      {.records = std::move(records), .next = {}, .stream = stream, .pass_to = pass_to});
  Batch& batch = batches_.back();
  batch.next = batch.records.begin();
  batch.self = std::prev(batches_.end());
  pending_.push_back(&batch);
}

void GroupRunner::Dispatch() {
  while (!pending_.empty() && in_flight_ < max_in_flight()) {
    Batch& batch = *pending_.front();
    Stream& stream = *batch.stream;
    const auto end = batch.records.end();
    for (; batch.next != end && in_flight_ < max_in_flight(); ++batch.next) {
      const RecordView& record = *batch.next;
      tasks_.push_back({.record = record,
                        .mode = &stream.mode,
                        .owner = &batch,
                        .ticket = stream.tracker.Dispatch(record.offset),
                        .lane = LaneOf(record, stream)});
      ++batch.outstanding;
      ++stream.outstanding;
      ++in_flight_;
    }
    if (batch.next != end) break;
    stream.tracker.PassTo(batch.pass_to);
    if (static_cast<std::int64_t>(stream.tracker.size()) > settings_.options.max_ahead &&
        stream.mode.load() == LaneMode::kRun && !stream.is_ahead) {
      stream.is_ahead = true;
      ahead_.push_back(stream.name);
    }
    pending_.pop_front();
    if (batch.outstanding == 0) Free(batch);
  }
  pool_.Push(tasks_);
  tasks_.clear();
}

std::size_t GroupRunner::LaneOf(const RecordView& record, const Stream& stream) const {
  std::uint64_t lane = stream.lane;
  if (settings_.options.order == RunOrder::kByKey) {
    if (!record.key.has_value()) return kOwnLane;
    // A key has an order within its partition alone.
    lane = Mix(Hash64(std::as_bytes(std::span(*record.key))) + lane * kGolden);
  }
  return static_cast<std::size_t>(lane) & (lanes_ - 1);
}

void GroupRunner::Collect() {
  pool_.Collect(done_);
  for (const KeyedExecutor::Done& done : done_) {
    Batch& batch = *static_cast<Batch*>(done.owner);
    Stream& stream = *batch.stream;
    if (done.is_finished) {
      stream.tracker.Finish(done.ticket);
      has_news_ = true;
    }
    --in_flight_;
    --stream.outstanding;
    if (--batch.outstanding == 0) Free(batch);
  }
  done_.clear();
}

// If nothing of it is still to be handed out.
void GroupRunner::Free(Batch& batch) {
  if (batch.next == batch.records.end()) batches_.erase(batch.self);
}

bool GroupRunner::WaitBriefly() {
  const auto key = event_.PrepareForCertainNotify();
  // The workers have most of the records still to do when this many have come back.
  pool_.WakeWhen(std::max<std::int64_t>(1, max_in_flight() / 4));
  Collect();
  if (in_flight_ == max_in_flight()) {
    event_.CommitWait(key, std::chrono::steady_clock::now() + kPatience);
    Collect();
  }
  pool_.WakeWhen(0);
  return in_flight_ < max_in_flight();
}

std::chrono::nanoseconds GroupRunner::PollTimeout() {
  const bool commits = !is_at_most_once() && (in_flight_ != 0 || has_news_);
  const auto until_commit = next_commit_ - settings_.clock->MonotonicNow();
  const bool is_due = commits && until_commit <= std::chrono::nanoseconds(0);
  if (is_due || is_some_ahead_ || !pending_.empty()) {
    const std::int64_t before = in_flight_;
    pool_.WakeWhen(is_due ? 1 : std::max<std::int64_t>(1, max_in_flight() / 4));
    Collect();
    if (in_flight_ != before) return {};
  }
  if (!commits) return kIdle;
  if (until_commit > std::chrono::nanoseconds(0)) return until_commit;
  return has_news_ ? std::chrono::nanoseconds(0) : kIdle;
}

absl::Status GroupRunner::HoldBack() {
  std::erase_if(ahead_, [this](const TopicPartition& name) { return !streams_.contains(name); });
  if (!ahead_.empty()) {
    const auto status = consumer_->Pause(ahead_);
    ahead_.clear();
    is_some_ahead_ = true;
    if (!status.ok()) return status;
  }
  if (!is_some_ahead_) return absl::OkStatus();
  is_some_ahead_ = false;
  std::vector<TopicPartition> resumed;
  for (const auto& [name, stream] : streams_) {
    if (!stream->is_ahead) continue;
    stream->is_ahead =
        static_cast<std::int64_t>(stream->tracker.size()) > settings_.options.max_ahead / 2;
    is_some_ahead_ = is_some_ahead_ || stream->is_ahead;
    if (!stream->is_ahead) resumed.push_back(name);
  }
  return is_all_paused_ || resumed.empty() ? absl::OkStatus() : consumer_->Resume(resumed);
}

absl::Status GroupRunner::PauseAll() {
  is_all_paused_ = true;
  is_some_new_ = false;
  const std::vector<TopicPartition> all = consumer_->Assignment();
  return all.empty() ? absl::OkStatus() : consumer_->Pause(all);
}

absl::Status GroupRunner::ResumeAll() {
  is_all_paused_ = false;
  std::vector<TopicPartition> resumed;
  for (TopicPartition& partition : consumer_->Paused()) {
    const auto found = streams_.find(partition);
    if (found != streams_.end() && found->second->is_ahead) continue;
    resumed.push_back(std::move(partition));
  }
  return resumed.empty() ? absl::OkStatus() : consumer_->Resume(resumed);
}

absl::Status GroupRunner::CommitFinished() {
  has_news_ = false;
  next_commit_ = settings_.clock->MonotonicNow() + settings_.options.commit_interval;
  Streams streams;
  for (const auto& [name, stream] : streams_) streams.push_back(stream);
  return Commit(streams, &OffsetTracker::committable);
}

absl::Status GroupRunner::Commit(const Streams& streams, Offset (OffsetTracker::*place)() const) {
  if (is_at_most_once()) return absl::OkStatus();  // Poll has
  std::map<TopicPartition, CommittedOffset> offsets;
  for (const auto& stream : streams) {
    const Offset offset = (stream->tracker.*place)();
    if (offset > stream->committed) offsets[stream->name] = {.offset = offset};
  }
  if (offsets.empty()) return absl::OkStatus();
  const auto status = consumer_->Commit(offsets);
  // Aborted: the member has lost some, and the next Poll tells the listener. The others were
  // committed.
  if (!status.ok() && !absl::IsAborted(status)) return status;
  for (const auto& stream : streams) {
    const auto found = offsets.find(stream->name);
    if (found != offsets.end()) stream->committed = found->second.offset;
  }
  return absl::OkStatus();
}

void GroupRunner::Drain(const Streams& streams, LaneMode mode,
                        std::chrono::steady_clock::time_point deadline) {
  // What is committed already has to be handled here, or nowhere.
  if (!is_at_most_once()) DropPending(streams);
  for (const auto& stream : streams) {
    LaneMode expected = LaneMode::kRun;  // a worker may have dropped it
    stream->mode.compare_exchange_strong(expected, mode);
  }
  pool_.RetryNow();
  const auto is_drained = [&](const std::shared_ptr<Stream>& stream) {
    return stream->outstanding == 0 &&
           std::none_of(pending_.begin(), pending_.end(),
                        [&](const Batch* batch) { return batch->stream == stream; });
  };
  for (bool is_in_time = true; is_in_time;) {
    const auto key = event_.PrepareForCertainNotify();
    pool_.WakeWhen(1);
    Collect();
    if (is_at_most_once()) Dispatch();
    if (std::all_of(streams.begin(), streams.end(), is_drained)) break;
    is_in_time = event_.CommitWait(key, deadline);
  }
  pool_.WakeWhen(0);
  DropPending(streams);
  for (const auto& stream : streams) stream->mode.store(LaneMode::kDrop);
}

void GroupRunner::DropPending(const Streams& streams) {
  for (auto at = pending_.begin(); at != pending_.end();) {
    Batch& batch = **at;
    if (std::find(streams.begin(), streams.end(), batch.stream) == streams.end()) {
      ++at;
      continue;
    }
    at = pending_.erase(at);
    batch.next = batch.records.end();
    if (batch.outstanding == 0) Free(batch);
  }
}

GroupRunner::Streams GroupRunner::Take(const std::vector<TopicPartition>& partitions) {
  Streams taken;
  for (const TopicPartition& partition : partitions) {
    const auto found = streams_.find(partition);
    if (found == streams_.end()) continue;
    taken.push_back(std::move(found->second));
    streams_.erase(found);
  }
  return taken;
}

void GroupRunner::OnRevoked(const std::vector<TopicPartition>& partitions) {
  const Streams streams = Take(partitions);
  if (streams.empty()) return;
  if (IsPlanted(PlantedBug::kCommitBeforeDrain)) {
    Commit(streams, &OffsetTracker::position).IgnoreError();
  }
  Drain(streams, LaneMode::kDrain,
        std::chrono::steady_clock::now() + settings_.options.drain_timeout);
  if (auto status = Commit(streams, &OffsetTracker::committable); !status.ok()) {
    Fail(std::move(status));
  }
  // The Poll under way waits for what it asked of the pool, and the drain has taken that back.
  consumer_->Wakeup();
}

void GroupRunner::OnLost(const std::vector<TopicPartition>& partitions) {
  const Streams streams = Take(partitions);
  // Somebody else handles them; but nobody does what was committed before.
  if (is_at_most_once()) return;
  DropPending(streams);
  for (const auto& stream : streams) stream->mode.store(LaneMode::kDrop);
  pool_.RetryNow();
}

absl::Status GroupRunner::Finish(absl::Status result) {
  const bool is_gentle = result.ok() || is_at_most_once();
  Streams streams;  // of lost partitions, too
  for (const Batch& batch : batches_) streams.push_back(batch.stream);
  Drain(streams, is_gentle ? LaneMode::kDrain : LaneMode::kDrop,
        std::chrono::steady_clock::now() + settings_.options.drain_timeout);
  const auto committed = CommitFinished();
  streams_.clear();  // nothing more to do when they are revoked
  // A static member keeps its place, for the next Run.
  const auto left = settings_.options.instance_id.empty() ? consumer_->Leave() : absl::OkStatus();
  // Other members go on with the partitions; what is still under way here is waited for.
  pool_.Stop();
  if (!result.ok()) return result;
  if (auto status = failure(); !status.ok()) return status;
  return committed.ok() ? left : committed;
}

KeyedExecutor::AttemptResult GroupRunner::Attempt(const KeyedTask& task, int attempt) {
  using Kind = KeyedExecutor::AttemptResult::Kind;
  const RunOptions& options = settings_.options;
  const RecordView& record = task.record;
  const auto status = CallHandler([&] { return settings_.handler(record); });
  if (status.ok()) return {.kind = Kind::kFinished};
  const auto told = TellOfFailure(options, record, status, attempt);
  if (told.ok() && !is_at_most_once() && attempt < options.retries.max_attempts) {
    const std::uint64_t random = Mix(random_.fetch_add(kGolden));
    return {.kind = Kind::kRetry, .backoff = Backoff(options.retries, attempt, random)};
  }
  if (!told.ok()) {
    Fail(told);
  } else if (settings_.dead_letters.has_value()) {
    const auto appended = settings_.dead_letters->Append(record, status, attempt);
    if (appended.ok()) return {.kind = Kind::kFinished};
    Fail(DeadLetterFailed(record, *options.dead_letter_topic, appended));
  } else {
    Fail(RetriesExhausted(record, status, attempt));
  }
  // What comes after it of the same key must not be handled before it is; but what is committed is
  // handled now or never.
  if (!is_at_most_once()) task.mode->store(LaneMode::kDrop);
  return {.kind = Kind::kUnfinished};
}

void GroupRunner::Fail(absl::Status status) {
  {
    MutexLock lock(failure_mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  has_failed_.store(true);
  Wake();
}

absl::Status GroupRunner::failure() {
  MutexLock lock(failure_mutex_);
  return failure_;
}

void GroupRunner::Wake() {
  event_.Notify();
  consumer_->Wakeup();
}

}  // namespace daybook::inline v1
