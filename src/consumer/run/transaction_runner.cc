#include "consumer/run/transaction_runner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/access.h"
#include "consumer/run/attempt.h"
#include "consumer/run/sleep_times.h"

namespace daybook::inline v1 {
namespace {

// What was too much for a transaction, or for max_poll_interval, most likely still is: how many
// transactions are made before it is tried again.
constexpr int kKept = 16;

TopicPartition NameOf(const RecordView& record) {
  return {std::string(record.topic), record.partition};
}

}  // namespace

TransactionRunner::TransactionRunner(const Settings& settings, std::stop_token stop)
    : settings_(settings), stop_(std::move(stop)), random_(std::random_device{}()) {}

RebalanceListener TransactionRunner::Listener() {
  const auto forget = [this](Consumer&, const std::vector<TopicPartition>& partitions) {
    Forget(partitions);
  };
  return {.on_assigned = {}, .on_revoked = forget, .on_lost = forget};
}

absl::Status TransactionRunner::Run(Consumer& consumer) {
  consumer_ = &consumer;
  const std::stop_callback on_stop(stop_, [&consumer] { consumer.Wakeup(); });
  absl::Status result;
  while (result.ok() && !stop_.stop_requested()) result = Turn();
  // A static member keeps its place, for the next Run.
  if (settings_.options.instance_id.empty()) result.Update(consumer.Leave());
  return result;
}

absl::Status TransactionRunner::Turn() {
  if (auto status = ResumeDue(); !status.ok()) return status;
  const auto batch = consumer_->Poll(PollTimeout());
  // Woken: to stop.
  if (absl::IsCancelled(batch.status())) return absl::OkStatus();
  if (!batch.ok()) return PassDamage(batch.status());
  return batch->empty() ? absl::OkStatus() : Handle(*batch);
}

absl::Status TransactionRunner::Handle(const RecordBatch& batch) {
  // A dead letter has one of its own, as far as it is large.
  const Failure* const failure = FailureOf(*batch.begin());
  const bool is_letter = failure != nullptr && failure->is_last;
  std::int64_t max_bytes = settings_.options.max_transaction_bytes;
  if (is_letter) max_bytes = std::max(max_bytes, settings_.dead_letters->max_transaction_bytes());
  auto begun = Access::Begin(settings_.groups, {.max_bytes = max_bytes});
  if (!begun.ok()) return begun.status();
  Transaction& transaction = *begun;
  std::size_t handled = 0;
  Offset next = batch.begin_offset();
  bool is_cut = false;
  for (const RecordView& record : batch) {
    // What has failed before begins a transaction, so that what is before it is committed first.
    is_cut = handled > 0
                 ? is_letter || handled == limit_ || FailureOf(record) != nullptr || IsOverdue()
                 : MustWait(record);
    if (is_cut) break;
    if (const auto status = HandleOne(record, transaction); !status.ok()) {
      transaction.Abort();
      return Recover(record, status, handled);
    }
    next = record.offset + 1;
    ++handled;
  }
  if (is_cut) {
    const TopicPartition partition{std::string(batch.topic()), batch.partition()};
    if (auto status = consumer_->Seek(partition, next); !status.ok()) return status;
    if (handled == 0) return PauseUntil(partition, failures_[partition][next].retry_at);
  }
  return Commit(batch, is_cut ? next : batch.next_offset(), handled, transaction);
}

absl::Status TransactionRunner::HandleOne(const RecordView& record, Transaction& transaction) {
  if (const Failure* failure = FailureOf(record); failure != nullptr && failure->is_last) {
    return settings_.dead_letters->Send(transaction, record, failure->cause, failure->attempts);
  }
  return CallHandler([&] { return settings_.handler(record, transaction); });
}

absl::Status TransactionRunner::Commit(const RecordBatch& batch, Offset next, std::size_t handled,
                                       Transaction& transaction) {
  if (auto status = transaction.AddOffsets(*consumer_); !status.ok()) return status;
  auto status = transaction.Commit();
  if (absl::IsAborted(status)) {
    // The member was lost, most likely since all of this took too long.
    Shorten(handled / 2);
    return consumer_->SeekToCommitted();
  }
  if (!status.ok()) return status;
  const auto failures = failures_.find({std::string(batch.topic()), batch.partition()});
  if (failures != failures_.end()) {
    failures->second.erase(failures->second.begin(), failures->second.lower_bound(next));
    if (failures->second.empty()) failures_.erase(failures);
  }
  Lengthen();
  return absl::OkStatus();
}

absl::Status TransactionRunner::Recover(const RecordView& record, const absl::Status& status,
                                        std::size_t handled) {
  if (auto sought = consumer_->SeekToCommitted(); !sought.ok()) return sought;
  if (absl::IsResourceExhausted(status) && handled > 0) {
    Shorten(handled);
    return absl::OkStatus();
  }
  const Failure* failure = FailureOf(record);
  if (failure != nullptr && failure->is_last) {
    return DeadLetterFailed(record, *settings_.options.dead_letter_topic, status);
  }
  return CountFailure(record, status);
}

absl::Status TransactionRunner::CountFailure(const RecordView& record, const absl::Status& status) {
  const RunOptions& options = settings_.options;
  Failure& failure = failures_[NameOf(record)][record.offset];
  ++failure.attempts;
  failure.cause = status;
  const auto told = TellOfFailure(options, record, status, failure.attempts);
  if (!told.ok()) return told;
  if (failure.attempts < options.retries.max_attempts) {
    failure.retry_at =
        settings_.clock->MonotonicNow() + Backoff(options.retries, failure.attempts, random_());
    return absl::OkStatus();
  }
  if (!settings_.dead_letters.has_value())
    return RetriesExhausted(record, status, failure.attempts);
  failure.is_last = true;
  failure.retry_at = {};
  return absl::OkStatus();
}

TransactionRunner::Failure* TransactionRunner::FailureOf(const RecordView& record) {
  if (failures_.empty()) [[likely]]
    return nullptr;
  const auto failures = failures_.find(NameOf(record));
  if (failures == failures_.end()) return nullptr;
  const auto found = failures->second.find(record.offset);
  return found == failures->second.end() ? nullptr : &found->second;
}

bool TransactionRunner::MustWait(const RecordView& record) {
  const Failure* failure = FailureOf(record);
  return failure != nullptr && !failure->is_last &&
         settings_.clock->MonotonicNow() < failure->retry_at;
}

bool TransactionRunner::IsOverdue() {
  if (!stop_.stop_requested()) return false;
  const auto now = std::chrono::steady_clock::now();
  if (!drained_by_.has_value()) drained_by_ = now + settings_.options.drain_timeout;
  return now >= *drained_by_;
}

absl::Status TransactionRunner::PauseUntil(const TopicPartition& partition, MonotonicTime time) {
  waiting_[partition] = time;
  return consumer_->Pause({partition});
}

absl::Status TransactionRunner::ResumeDue() {
  if (waiting_.empty()) return absl::OkStatus();
  const MonotonicTime now = settings_.clock->MonotonicNow();
  std::vector<TopicPartition> due;
  for (const auto& [partition, time] : waiting_) {
    if (time <= now) due.push_back(partition);
  }
  for (const TopicPartition& partition : due) waiting_.erase(partition);
  return consumer_->Resume(due);
}

std::chrono::nanoseconds TransactionRunner::PollTimeout() const {
  if (waiting_.empty()) return kIdle;
  if (settings_.clock != &Clock::System()) return kLookAtClock;
  MonotonicTime first = MonotonicTime::max();
  for (const auto& [partition, time] : waiting_) first = std::min(first, time);
  return std::max<std::chrono::nanoseconds>(first - settings_.clock->MonotonicNow(),
                                            std::chrono::nanoseconds(0));
}

// Whoever has them next counts anew.
void TransactionRunner::Forget(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions) {
    failures_.erase(partition);
    waiting_.erase(partition);
  }
}

void TransactionRunner::Shorten(std::size_t records) {
  limit_ = std::max<std::size_t>(records, 1);
  kept_ = kKept;
}

void TransactionRunner::Lengthen() {
  if (kept_ > 0) {
    --kept_;
  } else {
    limit_ = limit_ > kNoLimit / 2 ? kNoLimit : 2 * limit_;
  }
}

}  // namespace daybook::inline v1
