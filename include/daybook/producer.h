#ifndef DAYBOOK_PRODUCER_H_
#define DAYBOOK_PRODUCER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/broker.h"
#include "daybook/export.h"
#include "daybook/time_span.h"

namespace daybook::inline v1 {

class BatchOutcome;

// Where a record went. Thread-safe.
class DAYBOOK_EXPORT Receipt {
 public:
  Receipt(Topic topic, int partition, Offset offset);
  // Of a record of a batch that may not be appended yet.
  Receipt(Topic topic, int partition, std::shared_ptr<const BatchOutcome> batch,
          std::int64_t index);

  const std::string& topic() const { return topic_.name(); }
  int partition() const { return partition_; }
  // kNowhere as long as the record is gathered (ProducerOptions::linger), and if its batch could
  // not be appended.
  Offset offset() const;
  static constexpr Offset kNowhere{-1};

  // Waits until the record is in the log, and returns its offset; at once for one that was not
  // gathered. DeadlineExceeded, or why its batch could not be appended.
  absl::StatusOr<Offset> Await(TimeSpan timeout = std::chrono::seconds(30)) const;

  // Waits until the record survives a power cut. Errors as Await and Partition::WaitDurable.
  absl::Status WaitDurable(TimeSpan timeout = std::chrono::seconds(30)) const;

 private:
  Topic topic_;
  int partition_;
  Offset offset_;
  std::shared_ptr<const BatchOutcome> batch_;
  std::int64_t index_ = 0;
};

// Told once for each asynchronous send: OK and where the record went, or why it is not known to
// have got there. Runs with no lock held in the thread that appended the record (the sender's own,
// or with linger the producer's), or at kDisk in the broker's thread for callbacks (with
// Background::kCaller in Flush, RunBackgroundWork or a send that waits for room). It should not
// throw: an exception that leaves it goes no further, and is what the next Flush answers (Unknown,
// with its what()).
//
// It may send. Such a send never waits for room, as that might be its own: sends from callbacks are
// in flight beyond ProducerOptions::max_in_flight. Flush and Broker::Close answer
// FailedPrecondition to a callback. It may destroy its producer, in whatever call of it that runs
// the callback, and the call comes to its end: what is gathered is then appended, and told later.
using DeliveryCallback = std::function<void(const absl::Status&, const Receipt&)>;

struct ProducerOptions {
  // For SendOnce: the same one after a restart is the same producer. Two names are taken for one
  // only if their 64-bit hashes are (XXH3). Empty: none.
  std::string name = {};

  // At most so many asynchronous sends are not acknowledged; the next one waits for that. At
  // least 1.
  std::int64_t max_in_flight = 100'000;

  // linger.ms, not negative: how long SendAsync gathers records of a partition before it appends
  // them, as one batch: smaller on disk, compressed together if the topic is, and in a thread of
  // the producer (with Background::kCaller: in the send that finds them due, or Flush). They are
  // lost with the process until then. Where a topic in memory is full and blocks, the producer's
  // thread waits for it, and what is due in other partitions waits for a Flush or that thread.
  // 0: each is appended at once, in the caller.
  TimeSpan linger = {};
  // batch.size: bytes of records, with up to 20 more for each, at which a batch is appended before
  // its time. At least 1.
  std::int64_t batch_bytes = 16 << 10;
  // buffer.memory: bytes gathered in all; the send that fills them appends them itself. At least 1.
  std::int64_t buffer_bytes = 32 << 20;
};

// Chooses the partition, appends, and reports delivery. Thread-safe: one for the whole process is
// enough. Sends to different partitions do not wait for each other, but where max_in_flight or
// buffer_bytes is reached; with linger, a Send may wait until another thread has appended what was
// gathered for its partition. Once the Broker is closed or gone, all sends answer
// FailedPrecondition.
//
// With options out of their range every call answers InvalidArgument and says which.
//
// Partitions are chosen as Kafka's Java client does, the record's own if it names one, else by the
// murmur2 hash of the key, so that a key keeps its partition and its order; but records without a
// key go round-robin, where the Java client stays with one partition for a batch.
// (Source: org.apache.kafka.common.utils.Utils.murmur2 and toPositive.)
class DAYBOOK_EXPORT Producer {
 public:
  explicit Producer(Broker& broker, ProducerOptions options = {});
  // Flushes, for at most 30 seconds, with what callbacks send meanwhile.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Appends, after what was gathered for the partition; returns when the record is acknowledged at
  // the topic's durability.
  //   NotFound            no such topic
  //   InvalidArgument     the record names a partition that the topic has not, or is too large; or
  //                       the topic is an internal one
  //   ResourceExhausted   the disk is full
  // and the others of Partition::Append.
  absl::StatusOr<Receipt> Send(std::string_view topic, const Record& record);
  // The same without the look-up of the name.
  absl::StatusOr<Receipt> Send(const Topic& topic, const Record& record);

  // Appends, or gathers, and returns; `on_delivery`, if given, is told when the record is
  // acknowledged at the topic's durability. Records of one thread keep their order in a partition.
  // When this returns an error nothing was appended and nobody is told.
  //   DeadlineExceeded    max_in_flight sends were not acknowledged for 30 seconds
  //   ResourceExhausted   the disk is full, or there are no more threads (linger)
  // and the others of Send.
  absl::StatusOr<Receipt> SendAsync(std::string_view topic, const Record& record,
                                    DeliveryCallback on_delivery = nullptr);
  absl::StatusOr<Receipt> SendAsync(const Topic& topic, const Record& record,
                                    DeliveryCallback on_delivery = nullptr);

  // Appends a record once, however often it is sent: after a crash the application sends again what
  // it does not know to be there. `sequence` is its own number for the record, a line of its input
  // say; within a partition those of one name must rise. One at or below the last is not appended
  // again: the receipt says where it has been all the time. Acknowledged as by Send; neither
  // gathered nor compressed.
  //
  // A record with a key is once in the topic, also where CreatePartitions came between: it is
  // looked for in the partitions that its key had before, and there it stays. (A record of that
  // sequence and that key is taken for it, so do not begin to count anew for the partitions that
  // were added; and one that was dropped there cannot be known again.) With a partition it is once
  // in that one.
  //   InvalidArgument     the producer has no name; the record has neither a key nor a partition,
  //                       so that it could go elsewhere the next time; or `sequence` is negative
  //   OutOfRange          `sequence` is below the last one and was never sent, or was dropped
  // and the others of Send.
  absl::StatusOr<Receipt> SendOnce(std::string_view topic, const Record& record,
                                   std::int64_t sequence);
  // The last sequence of this producer's name in a partition, to go on behind; absent: none.
  absl::StatusOr<std::optional<std::int64_t>> LastSequence(std::string_view topic, int partition);

  // Appends what is gathered, and waits until every send of before is acknowledged and its callback
  // has returned, but not for what callbacks send meanwhile; the first error of a send since the
  // last Flush, if any.
  //   DeadlineExceeded    after `timeout`
  //   FailedPrecondition  it was called by a callback, which it would wait for
  //   Unknown             a callback threw
  absl::Status Flush(TimeSpan timeout = std::chrono::seconds(30));

  // The partition that a key goes to. Pure. `partitions` > 0.
  static int PartitionForKey(std::string_view key, int partitions);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_H_
