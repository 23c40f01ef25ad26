#include <optional>

#include "broker/access.h"
#include "broker/topics/topic_state.h"
#include "log/append/producer_state.h"
#include "producer/delivery.h"

// Records of named producers, which are in a topic once. A partition knows what it has of each
// producer; where the key of a record was in another partition before partitions were added, that
// one is asked first.

namespace daybook::inline v1 {
namespace {

absl::Status HasNoName() {
  return absl::InvalidArgumentError(
      "a producer is known again by its name; give it one in ProducerOptions");
}

}  // namespace

absl::StatusOr<Receipt> Producer::SendOnce(std::string_view topic, const Record& record,
                                           std::int64_t sequence) {
  const auto state = state_;
  if (auto status = state->Usable(); !status.ok()) return status;
  if (state->name().empty()) return HasNoName();
  if (!record.key && !record.partition) {
    return absl::InvalidArgumentError(
        "a record that is sent once needs a key or a partition: without, it could go to another "
        "one when it is sent again");
  }
  const auto found = state->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  const auto partition = state->ChoosePartition(*found, record);
  if (!partition.ok()) return partition.status();
  if (state->batcher() != nullptr) state->batcher()->AppendOf(*found, *partition);
  const std::uint64_t producer = ProducerId(state->name());
  const auto acknowledge = [&](int at, Offset offset) -> absl::StatusOr<Receipt> {
    if (found->options().durability == Durability::kDisk) {
      PartitionLog& log = Access::Log(found->partition(at));
      auto status = log.WaitDurable(offset + 1, DeadlineAfter(kAcknowledgeTimeout));
      if (!status.ok()) return status;
    }
    return Receipt(*found, at, offset);
  };
  if (!record.partition && sequence >= 0) {
    for (const int partitions : Access::State(*found)->earlier_counts()) {
      const int before = Producer::PartitionForKey(*record.key, partitions);
      if (before == *partition) continue;
      const auto sent =
          Access::Log(found->partition(before)).FindSequenced(*record.key, {producer, sequence});
      if (!sent.ok()) return sent.status();
      if (sent->has_value()) return acknowledge(before, **sent);
    }
  }
  const auto offset =
      Access::Log(found->partition(*partition)).AppendSequenced(record, producer, sequence);
  if (!offset.ok()) return offset.status();
  return acknowledge(*partition, *offset);
}

absl::StatusOr<std::optional<std::int64_t>> Producer::LastSequence(std::string_view topic,
                                                                   int partition) {
  const auto state = state_;
  if (auto status = state->Usable(); !status.ok()) return status;
  if (state->name().empty()) return HasNoName();
  const auto found = state->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  Record record;
  record.partition = partition;
  if (const auto chosen = state->ChoosePartition(*found, record); !chosen.ok()) {
    return chosen.status();
  }
  const auto last =
      Access::Log(found->partition(partition)).LastSequence(ProducerId(state->name()));
  if (!last.ok()) return last.status();
  if (!last->has_value()) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>((*last)->sequence);
}

}  // namespace daybook::inline v1
