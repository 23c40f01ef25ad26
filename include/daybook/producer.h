#ifndef DAYBOOK_PRODUCER_H_
#define DAYBOOK_PRODUCER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"

namespace daybook::inline v1 {

// Where a record went.
class DAYBOOK_EXPORT Receipt {
 public:
  Receipt(Topic topic, int partition, Offset offset);

  int partition() const { return partition_; }
  Offset offset() const { return offset_; }

  // Waits until the record survives a power cut. Errors as Partition::WaitDurable.
  absl::Status WaitDurable(std::chrono::nanoseconds timeout = std::chrono::seconds(30)) const;

 private:
  Topic topic_;
  int partition_;
  Offset offset_;
};

// Told once for each asynchronous send: OK and where the record went, or why it is not known to
// have got there. Runs in the thread that finished the work (the sender's own at kProcess), with
// no lock held; it may send. It must not throw.
using DeliveryCallback = std::function<void(const absl::Status&, const Receipt&)>;

struct ProducerOptions {
  // At most so many asynchronous sends wait for a sync; the next one waits for it.
  std::int64_t max_in_flight = 100'000;
};

// Chooses the partition, appends, and reports delivery. Thread-safe: one for the whole process is
// enough, and no thread waits for another. Must not outlive the Broker.
//
// Partitions are chosen as Kafka's Java client does: the record's own if it names one; else by
// the murmur2 hash of the key, so that a key keeps its partition and its order; else round-robin.
// (Source: org.apache.kafka.common.utils.Utils.murmur2 and toPositive.)
class DAYBOOK_EXPORT Producer {
 public:
  explicit Producer(Broker& broker, ProducerOptions options = {});
  // Flushes, for at most 30 seconds.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Appends; returns when the record is acknowledged at the topic's durability.
  //   NotFound            no such topic
  //   InvalidArgument     the record names a partition that the topic has not, or is too large
  //   ResourceExhausted   the disk is full
  // and the others of Partition::Append.
  absl::StatusOr<Receipt> Send(std::string_view topic, const Record& record);
  // The same without the look-up of the name.
  absl::StatusOr<Receipt> Send(const Topic& topic, const Record& record);

  // Appends and returns; `on_delivery`, if given, is told when the record is acknowledged at the
  // topic's durability. When this returns an error nothing was appended and nobody is told.
  absl::StatusOr<Receipt> SendAsync(std::string_view topic, const Record& record,
                                    DeliveryCallback on_delivery = nullptr);
  absl::StatusOr<Receipt> SendAsync(const Topic& topic, const Record& record,
                                    DeliveryCallback on_delivery = nullptr);

  // Waits until every send of before is acknowledged and its callback has returned; the first
  // error, if any. DeadlineExceeded after `timeout`.
  absl::Status Flush(std::chrono::nanoseconds timeout = std::chrono::seconds(30));

  // The partition that a key goes to. Pure. `partitions` > 0.
  static int PartitionForKey(std::string_view key, int partitions);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_H_
