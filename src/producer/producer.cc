#include "daybook/producer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "broker/broker_core.h"
#include "broker/cursor_set.h"
#include "broker/partitioner.h"
#include "log/producer_state.h"
#include "producer/batcher.h"

namespace daybook::inline v1 {

namespace {

constexpr std::chrono::seconds kAcknowledgeTimeout{30};

absl::Status HasNoName() {
  return absl::InvalidArgumentError(
      "a producer is known again by its name; give it one in ProducerOptions");
}

}  // namespace

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

absl::StatusOr<Offset> Receipt::Await(std::chrono::nanoseconds timeout) const {
  if (batch_ == nullptr) return offset_;
  const auto first = batch_->Await(DeadlineAfter(timeout));
  if (!first.ok()) return first.status();
  return *first + index_;
}

absl::Status Receipt::WaitDurable(std::chrono::nanoseconds timeout) const {
  const auto deadline = DeadlineAfter(timeout);
  const auto offset = Await(timeout);
  if (!offset.ok()) return offset.status();
  return topic_.partition(partition_).log().WaitDurable(*offset + 1, deadline);
}

// Shared with the deliveries under way, which may outlive the Producer.
class Producer::State : public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<BrokerCore> core, const ProducerOptions& options)
      : shared_core_(std::move(core)), core_(*shared_core_), options_(options) {
    if (options.linger.count() <= 0) return;
    batcher_.emplace(
        Batcher::Settings{.linger = options.linger,
                          .batch_bytes = static_cast<std::uint64_t>(
                              std::max<std::int64_t>(options.batch_bytes, 1)),
                          .buffer_bytes = static_cast<std::uint64_t>(
                              std::max<std::int64_t>(options.buffer_bytes, 1)),
                          .has_thread = core_.background().mode() == Background::kThread},
        [this](Batch batch) { Appended(std::move(batch)); });
  }

  BrokerCore& core() { return core_; }
  const std::string& name() const { return options_.name; }

  absl::StatusOr<int> ChoosePartition(const Topic& topic, const Record& record) {
    return partitioner_.Choose(topic, record);
  }

  // Takes a place among the sends in flight.
  absl::Status Begin() {
    for (;;) {
      {
        MutexLock lock(mutex_);
        if (in_flight_ < options_.max_in_flight) {
          ++in_flight_;
          return absl::OkStatus();
        }
      }
      if (batcher_) batcher_->AppendAll();
      const auto deadline = DeadlineAfter(std::chrono::seconds(30));
      if (auto status = Await(options_.max_in_flight - 1, deadline); !status.ok()) return status;
    }
  }
  void Finish(std::int64_t sends, const absl::Status& status) {
    MutexLock lock(mutex_);
    in_flight_ -= sends;
    error_.Update(status);
    changed_.NotifyAll();
  }
  // Waits until at most `most` sends are in flight.
  absl::Status Await(std::int64_t most, std::chrono::steady_clock::time_point deadline) {
    // A broker without a thread of its own leaves the work to its callers: this is one.
    absl::Status status;
    if (core_.background().mode() == Background::kCaller) status = core_.background().RunNow();
    MutexLock lock(mutex_);
    while (in_flight_ > most) {
      if (!changed_.WaitUntil(mutex_, deadline) && in_flight_ > most) {
        return absl::DeadlineExceededError(
            absl::StrCat(in_flight_,
                         " sends are not acknowledged yet; flush again, or look at "
                         "the disk"));
      }
    }
    status.Update(std::exchange(error_, absl::OkStatus()));
    return status;
  }

  // Null when nothing is gathered.
  Batcher* batcher() { return batcher_ ? &*batcher_ : nullptr; }
  void StopGathering() { batcher_.reset(); }

 private:
  void Appended(Batch batch) {
    const auto first = *batch.outcome->Get();
    const std::int64_t records = static_cast<std::int64_t>(batch.callbacks.size());
    if (!first.ok() || batch.topic.options().durability != Durability::kDisk) {
      Tell(batch, first.status());
      return;
    }
    PartitionLog& log = batch.topic.partition(batch.partition).log();
    core_.background().SyncSoon(
        log.shared_from_this(), *first + records,
        [state = shared_from_this(), appended = std::make_shared<Batch>(std::move(batch))](
            const absl::Status& status) { state->Tell(*appended, status); });
  }
  void Tell(const Batch& batch, const absl::Status& status) {
    std::int64_t index = 0;
    for (const DeliveryCallback& on_delivery : batch.callbacks) {
      const Receipt receipt(batch.topic, batch.partition, batch.outcome, index++);
      if (on_delivery) on_delivery(status, receipt);
    }
    Finish(index, status);
  }

  const std::shared_ptr<BrokerCore> shared_core_;
  BrokerCore& core_;
  const ProducerOptions options_;
  Partitioner partitioner_;
  Mutex mutex_;
  CondVar changed_;
  std::int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // the first since the last Flush
  std::optional<Batcher> batcher_;
};

Producer::Producer(Broker& broker, ProducerOptions options)
    : state_(std::make_shared<State>(broker.shared_core(), options)) {}

Producer::~Producer() {
  if (state_->core().process().is_forked()) {
    static_cast<void>(new std::shared_ptr<State>(std::move(state_)));  // it is the parent's
    return;
  }
  Flush().IgnoreError();
  state_->StopGathering();
}

absl::StatusOr<Receipt> Producer::Send(std::string_view topic, const Record& record) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  const auto found = state_->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  return Send(*found, record);
}

absl::StatusOr<Receipt> Producer::Send(const Topic& topic, const Record& record) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  const auto partition = state_->ChoosePartition(topic, record);
  if (!partition.ok()) return partition.status();
  if (state_->batcher() != nullptr) state_->batcher()->AppendOf(topic, *partition);
  const auto offset = topic.partition(*partition).Append(record);
  if (!offset.ok()) return offset.status();
  return Receipt(topic, *partition, *offset);
}

absl::StatusOr<Receipt> Producer::SendAsync(std::string_view topic, const Record& record,
                                            DeliveryCallback on_delivery) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  const auto found = state_->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  return SendAsync(*found, record, std::move(on_delivery));
}

absl::StatusOr<Receipt> Producer::SendAsync(const Topic& topic, const Record& record,
                                            DeliveryCallback on_delivery) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  const auto partition = state_->ChoosePartition(topic, record);
  if (!partition.ok()) return partition.status();
  PartitionLog& log = topic.partition(*partition).log();
  const bool is_synced = topic.options().durability == Durability::kDisk;
  if (Batcher* const batcher = state_->batcher(); batcher != nullptr) {
    if (auto status = state_->Begin(); !status.ok()) return status;
    auto receipt = batcher->Add(topic, *partition, record, std::move(on_delivery));
    if (receipt) return *std::move(receipt);
    state_->Finish(1, absl::OkStatus());
    batcher->AppendOf(topic, *partition);  // this one goes alone, and not before those
  }
  if (is_synced) {
    if (auto status = state_->Begin(); !status.ok()) return status;
  }
  const auto offset = log.AppendUnsynced(record);
  if (!offset.ok()) {
    if (is_synced) state_->Finish(1, absl::OkStatus());  // the caller is told
    return offset.status();
  }
  const Receipt receipt(topic, *partition, *offset);
  if (!is_synced) {
    if (on_delivery) on_delivery(absl::OkStatus(), receipt);
    return receipt;
  }
  state_->core().background().SyncSoon(
      log.shared_from_this(), *offset + 1,
      [state = state_, receipt, on_delivery = std::move(on_delivery)](const absl::Status& status) {
        if (on_delivery) on_delivery(status, receipt);
        state->Finish(1, status);
      });
  return receipt;
}

absl::StatusOr<Receipt> Producer::SendOnce(std::string_view topic, const Record& record,
                                           std::int64_t sequence) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  if (state_->name().empty()) return HasNoName();
  if (!record.key && !record.partition) {
    return absl::InvalidArgumentError(
        "a record that is sent once needs a key or a partition: without, it could go to another "
        "one when it is sent again");
  }
  const auto found = state_->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  const auto partition = state_->ChoosePartition(*found, record);
  if (!partition.ok()) return partition.status();
  if (state_->batcher() != nullptr) state_->batcher()->AppendOf(*found, *partition);
  PartitionLog& log = found->partition(*partition).log();
  const auto offset = log.AppendSequenced(record, ProducerId(state_->name()), sequence);
  if (!offset.ok()) return offset.status();
  if (found->options().durability == Durability::kDisk) {
    auto status = log.WaitDurable(*offset + 1, DeadlineAfter(kAcknowledgeTimeout));
    if (!status.ok()) return status;
  }
  return Receipt(*found, *partition, *offset);
}

absl::StatusOr<std::optional<std::int64_t>> Producer::LastSequence(std::string_view topic,
                                                                   int partition) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  if (state_->name().empty()) return HasNoName();
  const auto found = state_->core().catalog().Find(topic);
  if (!found.ok()) return found.status();
  Record record;
  record.partition = partition;
  if (const auto chosen = state_->ChoosePartition(*found, record); !chosen.ok()) {
    return chosen.status();
  }
  const auto last = found->partition(partition).log().LastSequence(ProducerId(state_->name()));
  if (!last.ok()) return last.status();
  if (!last->has_value()) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>((*last)->sequence);
}

absl::Status Producer::Flush(std::chrono::nanoseconds timeout) {
  if (auto status = state_->core().process().Check(); !status.ok()) return status;
  if (state_->batcher() != nullptr) state_->batcher()->AppendAll();
  return state_->Await(0, DeadlineAfter(timeout));
}

int Producer::PartitionForKey(std::string_view key, int partitions) {
  return PartitionForHash(Murmur2(key), partitions);
}

}  // namespace daybook::inline v1
