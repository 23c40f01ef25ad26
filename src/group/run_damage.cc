#include <algorithm>
#include <utility>

#include "group/attempt.h"
#include "group/group_runner.h"
#include "group/transaction_runner.h"

// What becomes of a Run that comes to records which cannot be read: RunOptions::damage.

namespace daybook::inline v1 {
namespace {

// What cannot be read, after it was told; else why Run is to end.
absl::StatusOr<DamagedRange> ToPass(const RunOptions& options, const absl::Status& status) {
  auto damage = DamageOf(status);
  if (!damage.has_value()) return status;
  if (auto told = TellOfDamage(options, *damage, status); !told.ok()) return told;
  // Where nothing follows yet, there is nowhere to go on.
  const bool may_pass =
      options.damage != OnDamage::kStop && damage->begin_offset < damage->end_offset;
  if (!may_pass) return status;
  return *std::move(damage);
}

}  // namespace

absl::Status GroupRunner::PassDamage(const absl::Status& status) {
  const auto damage = ToPass(settings_.options, status);
  if (!damage.ok()) return damage.status();
  if (settings_.options.damage == OnDamage::kDeadLetter) {
    const auto noted = settings_.dead_letters->AppendNote(*damage, status);
    if (!noted.ok()) return noted;
  }
  const TopicPartition name{damage->topic, damage->partition};
  if (const auto sought = consumer_->Seek(name, damage->end_offset); !sought.ok()) return sought;
  const std::shared_ptr<Stream>& stream = StreamOf(name, damage->begin_offset);
  // What was dropped, Poll has committed: what comes back of before it must not undo that.
  if (absl::IsOutOfRange(status)) {
    stream->committed = std::max(stream->committed, damage->end_offset);
  }
  const auto last = std::find_if(pending_.rbegin(), pending_.rend(),
                                 [&](const Batch* batch) { return batch->stream == stream; });
  if (last != pending_.rend()) {
    (*last)->pass_to = damage->end_offset;
  } else {
    stream->tracker.PassTo(damage->end_offset);
  }
  has_news_ = true;
  return absl::OkStatus();
}

absl::Status TransactionRunner::PassDamage(const absl::Status& status) {
  const auto damage = ToPass(settings_.options, status);
  if (!damage.ok()) return damage.status();
  const TopicPartition name{damage->topic, damage->partition};
  if (const auto sought = consumer_->Seek(name, damage->end_offset); !sought.ok()) return sought;
  auto transaction = Transaction::Begin(settings_.core, {});
  if (!transaction.ok()) return transaction.status();
  absl::Status committed;
  if (settings_.options.damage == OnDamage::kDeadLetter) {
    committed = settings_.dead_letters->SendNote(*transaction, *damage, status);
  }
  if (committed.ok()) committed = transaction->AddOffsets(*consumer_);
  if (committed.ok()) committed = transaction->Commit();
  // The member was lost meanwhile: who has the partition next comes to it, too.
  if (absl::IsAborted(committed)) return consumer_->SeekToCommitted();
  return committed;
}

}  // namespace daybook::inline v1
