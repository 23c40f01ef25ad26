#include "daybook/producer.h"

#include <optional>
#include <utility>

#include "absl/utility/utility.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "producer/delivery.h"
#include "producer/partitioner.h"

namespace daybook::inline v1 {

Receipt::Receipt(Topic topic, int partition, Offset offset)
    : topic_(std::move(topic)), partition_(partition), offset_(offset) {}
Receipt::Receipt(Topic topic, int partition, std::shared_ptr<const BatchOutcome> batch,
                 std::int64_t index)
    : topic_(std::move(topic)),
      partition_(partition),
      offset_(kNowhere),
      batch_(std::move(batch)),
      index_(index) {}

Offset Receipt::offset() const {
  if (batch_ == nullptr) return offset_;
  const auto first = batch_->Get();
  return first && first->ok() ? **first + index_ : kNowhere;
}

absl::StatusOr<Offset> Receipt::Await(TimeSpan timeout) const {
  if (batch_ == nullptr) return offset_;
  const auto first = batch_->Await(DeadlineAfter(timeout));
  if (!first.ok()) return first.status();
  return *first + index_;
}

absl::Status Receipt::WaitDurable(TimeSpan timeout) const {
  const auto deadline = DeadlineAfter(timeout);
  const auto offset = Await(timeout);
  if (!offset.ok()) return offset.status();
  return Access::Log(topic_.partition(partition_)).WaitDurable(*offset + 1, deadline);
}

Producer::Producer(Broker& broker, ProducerOptions options)
    : state_(std::make_shared<State>(Access::SharedCore(broker), options)) {}

Producer::~Producer() {
  if (state_->core().process().is_forked()) {
    static_cast<void>(new std::shared_ptr<State>(std::move(state_)));  // it is the parent's
    return;
  }
  // A callback would wait for itself.
  if (!state_->IsInCallback()) state_->Drain();
  state_->StopGathering();
}

absl::StatusOr<Receipt> Producer::Send(std::string_view topic, const Record& record) {
  State& state = *state_;
  if (!state.is_usable()) [[unlikely]]
    return state.Usable();
  // Mostly the topic is known, and its partitions take turns. It is one of this broker, and what
  // has turns is none of the library's own: that need not be asked again.
  if (auto known = state.core().catalog().FindKnown(topic); known != nullptr && !state.batcher()) {
    const int partition = state.ChooseInTurn(*known, record);
    if (partition >= 0) {
      PartitionLog& log = Access::Log(known->partitions()[static_cast<std::size_t>(partition)]);
      const auto offset = log.Append(record, std::nullopt);
      if (!offset.ok()) [[unlikely]]
        return offset.status();
      return absl::StatusOr<Receipt>(absl::in_place, Topic(std::move(known)), partition, *offset);
    }
  }
  const auto found = state.core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  return Send(*found, record);
}

absl::StatusOr<Receipt> Producer::Send(const Topic& topic, const Record& record) {
  State& state = *state_;
  if (!state.is_usable()) [[unlikely]]
    return state.Usable();
  const auto partition = state.ChoosePartition(topic, record);
  if (!partition.ok()) [[unlikely]]
    return partition.status();
  state.AppendGathered(topic, *partition);
  const auto offset = topic.partition(*partition).Append(record);
  if (!offset.ok()) [[unlikely]]
    return offset.status();
  return absl::StatusOr<Receipt>(absl::in_place, topic, *partition, *offset);
}

absl::StatusOr<Receipt> Producer::SendAsync(std::string_view topic, const Record& record,
                                            DeliveryCallback on_delivery) {
  if (auto status = state_->Usable(); !status.ok()) return status;
  const auto found = state_->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  return SendAsync(*found, record, std::move(on_delivery));
}

absl::StatusOr<Receipt> Producer::SendAsync(const Topic& topic, const Record& record,
                                            DeliveryCallback on_delivery) {
  const auto state = state_;
  if (auto status = state->Usable(); !status.ok()) return status;
  // Else a callback that sends whatever it is told would never come to an end.
  if (state->core().syncs().is_stopped()) {
    return absl::FailedPreconditionError("the broker is closed; open it again");
  }
  const auto partition = state->ChoosePartition(topic, record);
  if (!partition.ok()) return partition.status();
  PartitionLog& log = Access::Log(topic.partition(*partition));
  if (Batcher* const batcher = state->batcher(); batcher != nullptr) {
    if (auto status = batcher->Start(state); !status.ok()) return status;
    State::Place place(*state);
    if (!place.status().ok()) return place.status();
    Delivery delivery{.callback = std::move(on_delivery), .flush = place.flush()};
    auto receipt = batcher->Add(topic, *partition, record, std::move(delivery));
    if (receipt) {
      place.Keep();
      if (state->IsAwaited(place.flush())) batcher->AppendOf(topic, *partition);
      return *std::move(receipt);
    }
    on_delivery = std::move(delivery.callback);
  }
  // One that is too large for a batch goes alone, and not before those that are gathered.
  if (state->batcher() != nullptr) state->batcher()->AppendOf(topic, *partition);
  if (topic.options().durability != Durability::kDisk) {
    const auto offset = log.AppendUnsynced(record);
    if (!offset.ok()) return offset.status();
    Receipt receipt(topic, *partition, *offset);
    state->Tell(on_delivery, absl::OkStatus(), receipt);
    return receipt;
  }
  State::Place place(*state);
  if (!place.status().ok()) return place.status();
  SyncScheduler::Ticket ticket = SyncScheduler::Prepare(
      log.shared_from_this(),
      [state, topic, partition = *partition, flush = place.flush(),
       on_delivery = std::move(on_delivery)](const absl::Status& status, Offset end) {
        state->Tell(on_delivery, status, Receipt(topic, partition, Offset(end.value() - 1)));
        state->Finish(flush, 1, status);
      });
  const auto offset = log.AppendUnsynced(record);
  if (!offset.ok()) return offset.status();
  place.Keep();
  state->core().syncs().SyncSoon(std::move(ticket), *offset + 1);
  return Receipt(topic, *partition, *offset);
}

absl::Status Producer::Flush(TimeSpan timeout) {
  const auto state = state_;
  if (auto status = state->Usable(); !status.ok()) return status;
  if (state->IsInCallback()) {
    return absl::FailedPreconditionError(
        "a delivery callback cannot flush: it would wait for itself; let another thread do it");
  }
  return state->Flush(DeadlineAfter(timeout));
}

int Producer::PartitionForKey(std::string_view key, int partitions) {
  return PartitionForHash(Murmur2(key), partitions);
}

}  // namespace daybook::inline v1
