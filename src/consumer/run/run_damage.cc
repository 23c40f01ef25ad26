#include <algorithm>
#include <optional>
#include <utility>

#include "broker/access.h"
#include "consumer/run/attempt.h"
#include "consumer/run/group_runner.h"
#include "consumer/run/transaction_runner.h"

// What becomes of a Run that comes to records which cannot be read: RunOptions::damage.

namespace daybook::inline v1 {
namespace {

// What cannot be read, after it was told; nothing where nothing is known of it.
absl::StatusOr<std::optional<DamagedRange>> Told(const RunOptions& options,
                                                 const absl::Status& status) {
  auto damage = DamageOf(status);
  if (damage.has_value()) {
    if (auto told = TellOfDamage(options, *damage, status); !told.ok()) return told;
  }
  return damage;
}

// Where nothing follows yet, there is nowhere to go on.
bool MayPass(const RunOptions& options, const DamagedRange& damage) {
  return options.damage != OnDamage::kStop && damage.begin_offset < damage.end_offset;
}

}  // namespace

absl::Status GroupRunner::PassDamage(const absl::Status& status) {
  const auto told = Told(settings_.options, status);
  if (!told.ok()) return told.status();
  if (!told->has_value()) return status;
  const DamagedRange& damage = **told;
  const bool goes_on = MayPass(settings_.options, damage);
  const bool is_dropped = absl::IsOutOfRange(status);
  if (!goes_on && !is_dropped) return status;
  if (goes_on && settings_.options.damage == OnDamage::kDeadLetter) {
    const auto noted = settings_.dead_letters->AppendNote(damage, status);
    if (!noted.ok()) return noted;
  }
  const TopicPartition name{damage.topic, damage.partition};
  if (const auto sought = consumer_->Seek(name, damage.end_offset); !sought.ok()) return sought;
  // A share: a rebalance within Commit may take the stream away.
  const std::shared_ptr<PartitionStream> stream = records_.StreamOf(name, damage.begin_offset);
  if (is_dropped) {
    // Once it is told and noted, the group is behind it: what comes back of before it must not undo
    // that, and the next Run is not told again.
    stream->committed = std::max(stream->committed, damage.end_offset);
    const auto committed = consumer_->Commit({{name, {.offset = damage.end_offset}}});
    if (!committed.ok() && !absl::IsAborted(committed)) return committed;
    if (!goes_on) return status;
  }
  records_.PassTo(*stream, damage.end_offset);
  finished_.Add();
  return absl::OkStatus();
}

absl::Status TransactionRunner::PassDamage(const absl::Status& status) {
  const auto told = Told(settings_.options, status);
  if (!told.ok()) return told.status();
  if (!told->has_value()) return status;
  const DamagedRange& damage = **told;
  const bool goes_on = MayPass(settings_.options, damage);
  // What was dropped is told once, also where Run ends.
  if (!goes_on && !absl::IsOutOfRange(status)) return status;
  const TopicPartition name{damage.topic, damage.partition};
  if (const auto sought = consumer_->Seek(name, damage.end_offset); !sought.ok()) return sought;
  auto transaction = Access::Begin(settings_.groups, {});
  if (!transaction.ok()) return transaction.status();
  absl::Status committed;
  if (goes_on && settings_.options.damage == OnDamage::kDeadLetter) {
    committed = settings_.dead_letters->SendNote(*transaction, damage, status);
  }
  if (committed.ok()) committed = transaction->AddOffsets(*consumer_);
  if (committed.ok()) committed = transaction->Commit();
  // The member was lost meanwhile: who has the partition next comes to it, too.
  if (absl::IsAborted(committed)) committed = consumer_->SeekToCommitted();
  return committed.ok() && !goes_on ? status : committed;
}

}  // namespace daybook::inline v1
