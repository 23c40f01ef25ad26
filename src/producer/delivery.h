#ifndef DAYBOOK_PRODUCER_DELIVERY_H_
#define DAYBOOK_PRODUCER_DELIVERY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/callback_scope.h"
#include "base/deadline.h"
#include "base/mutex.h"
#include "broker/broker_core.h"
#include "daybook/producer.h"
#include "producer/batcher.h"
#include "producer/partitioner.h"

namespace daybook::inline v1 {

// How long a send waits for its sync, or for others to be acknowledged.
inline constexpr std::chrono::seconds kAcknowledgeTimeout{30};

// Which sends are under way, and telling what became of them. Shared with the deliveries, which may
// outlive the Producer. Thread-safe.
class Producer::State : public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<BrokerCore> core, const ProducerOptions& options);

  BrokerCore& core() { return core_; }
  // Why calls fail, if they do.
  absl::Status Usable() const;
  bool is_usable() const { return !core_.process().is_forked() && status_.ok(); }
  const std::string& name() const { return options_.name; }

  absl::StatusOr<int> ChoosePartition(const Topic& topic, const Record& record) {
    return partitioner_.Choose(topic, record);
  }
  // As Partitioner::ChooseInTurn.
  int ChooseInTurn(const TopicState& topic, const Record& record) {
    return partitioner_.ChooseInTurn(topic, record);
  }

  // Whether this thread runs a callback of this broker: such a one waits for no other.
  bool IsInCallback() const {
    return CallbackScope::IsWithin(&core_, CallbackScope::Kind::kDelivery);
  }

  // A place among the sends in flight; given back unless it is kept for the delivery.
  class Place {
   public:
    // Waits until there is one; status() says whether there was.
    explicit Place(State& state) : state_(state), flush_(state.Begin()), is_mine_(flush_.ok()) {}
    ~Place() {
      if (is_mine_) state_.Finish(*flush_, 1, absl::OkStatus());
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    absl::Status status() const { return flush_.status(); }
    std::int64_t flush() const { return *flush_; }
    void Keep() { is_mine_ = false; }

   private:
    State& state_;
    const absl::StatusOr<std::int64_t> flush_;
    bool is_mine_;
  };

  // Gives places back that were kept, all of them before the same Flush.
  void Finish(std::int64_t flush, std::int64_t sends, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What Producer::Flush says.
  absl::Status Flush(SteadyTime deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and what callbacks send meanwhile.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

  // Throws nothing; what the callback throws, Flush says.
  void Tell(const DeliveryCallback& callback, const absl::Status& status, const Receipt& receipt);

  // Whether a Flush waits for sends of that number, or one that waits for room: such a send cannot
  // be gathered any longer.
  bool IsAwaited(std::int64_t flush) const { return flush < next_flush_.load(); }

  // Null when nothing is gathered.
  Batcher* batcher() { return batcher_ ? &*batcher_ : nullptr; }
  // Appends what is gathered for a partition. A callback that is told so may destroy the producer:
  // only who has a share in the state may touch it afterwards.
  void AppendGathered(const Topic& topic, int partition) {
    if (!batcher_) [[likely]]
      return;
    const auto mine = shared_from_this();
    batcher_->AppendOf(topic, partition);
  }
  void StopGathering();

 private:
  // Takes a place among the sends in flight, and returns the first Flush that waits for it.
  absl::StatusOr<std::int64_t> Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether all are that were sent before the Flush with that number.
  bool IsFlushed(std::int64_t flush) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return pending_.empty() || pending_.begin()->first > flush;
  }
  // Waits until `is_done`, with the lock held; says nothing of what became of the sends.
  absl::Status Await(SteadyTime deadline, const std::function<bool()>& is_done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What the batcher calls.
  void Opened(Batcher::Batches& batch);
  void Appended(Batcher::Batches batch);
  void Tell(const Batch& batch, const absl::Status& status);
  void NoteThrown(const char* what) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::shared_ptr<BrokerCore> shared_core_;
  BrokerCore& core_;
  const ProducerOptions options_;
  const absl::Status status_;  // of the options
  Partitioner partitioner_;
  Mutex mutex_;
  CondVar changed_;
  std::int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  // How many of them the first Flush after them waits for, by its number.
  std::map<std::int64_t, std::int64_t> pending_ ABSL_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> next_flush_{0};     // changed with the lock held
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // the first since the last Flush
  std::optional<Batcher> batcher_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_DELIVERY_H_
