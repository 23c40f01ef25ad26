#ifndef DAYBOOK_PRODUCER_BATCHER_H_
#define DAYBOOK_PRODUCER_BATCHER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/deadline.h"
#include "base/mutex.h"
#include "broker/background/sync_scheduler.h"
#include "daybook/producer.h"
#include "daybook/system/thread_factory.h"
#include "format/batch_codec.h"
#include "log/partition_log.h"

namespace daybook::inline v1 {

// Where a batch went, once it was appended. Its receipts share it. Thread-safe.
class BatchOutcome {
 public:
  // Once.
  void Set(absl::StatusOr<Offset> first) ABSL_LOCKS_EXCLUDED(mutex_);
  // The offset of the first record; nothing while it is not appended.
  std::optional<absl::StatusOr<Offset>> Get() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Offset> Await(std::chrono::steady_clock::time_point deadline) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  mutable CondVar is_set_;
  std::optional<absl::StatusOr<Offset>> first_ ABSL_GUARDED_BY(mutex_);
};

// Who is to be told of a record.
struct Delivery {
  DeliveryCallback callback;  // may be empty
  std::int64_t flush = 0;     // the first Flush that waits for it
};

// Records of one partition, gathered.
struct Batch {
  Topic topic;
  int partition = 0;
  PartitionLog* log = nullptr;  // of that partition
  std::int64_t id = 0;
  std::string entries;  // of a batch frame
  frame::EntryTimes times = {};
  std::vector<Delivery> deliveries;  // one for each record
  std::shared_ptr<BatchOutcome> outcome = std::make_shared<BatchOutcome>();
  // What its owner needs when it is appended, when there may be no memory left.
  SyncScheduler::Ticket ticket = {};
  std::shared_ptr<std::list<Batch>> appended = nullptr;
};

// Gathers records into batches, one open batch for each partition, and appends them: in a thread
// of its own when they are full or old enough, or in whoever calls. Batches of a partition are
// appended one after the other in the order in which they were closed; those of another partition
// at the same time, by other threads, so that an append that takes its time holds up no other
// partition's. Thread-safe.
//
// A partition is known by its log, which all handles of a topic share, also those of before
// partitions were added: two batches of one partition could otherwise change places.
class Batcher {
 public:
  struct Settings {
    std::chrono::nanoseconds linger{0};
    std::uint64_t batch_bytes = 0;
    std::uint64_t buffer_bytes = 0;
    ThreadFactory* threads = nullptr;  // null: it has none of its own
  };
  using Batches = std::list<Batch>;  // so that they change hands without taking memory
  // Told of each batch once, as a list of one, with no lock held, when it was appended or could not
  // be; that may be seen from the outcome.
  using OnAppended = std::function<void(Batches batch)>;
  // Told of a batch that is new, to prepare what is needed then.
  using OnOpened = std::function<void(Batches& batch)>;

  Batcher(const Settings& settings, OnAppended on_appended, OnOpened on_opened = nullptr)
      : settings_(settings),
        on_appended_(std::move(on_appended)),
        on_opened_(std::move(on_opened)) {}
  // Appends all. Not from `on_appended`, unless its thread was ended before.
  ~Batcher();

  // Starts its thread, if it is to have one and there is none yet; that keeps `owner`, in which the
  // batcher lives, for as long as it runs. ResourceExhausted: there are no more threads.
  absl::Status Start(std::shared_ptr<void> owner) ABSL_LOCKS_EXCLUDED(mutex_);
  // Appends all, and ends the thread. Where that is the caller, it is returned, to be joined by
  // another one.
  std::list<std::thread> Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // Copies the record into the open batch of its partition. Nothing, and nothing was done, when it
  // does not fit into a batch of its topic even alone. Appends what is full if nobody else does,
  // and what there is when the buffer is full: then it returns when there is room again.
  std::optional<Receipt> Add(const Topic& topic, int partition, const Record& record,
                             Delivery&& delivery) ABSL_LOCKS_EXCLUDED(mutex_);

  // When they return, what was added before is appended, of one partition or of all. What is
  // added meanwhile is left to others.
  void AppendOf(const Topic& topic, int partition) ABSL_LOCKS_EXCLUDED(mutex_);
  void AppendAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // Of all, but does not wait for what another thread is appending: that thread, the batcher's own
  // or the next call goes on with what comes behind it.
  void AppendReady() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Key = const PartitionLog*;
  using Time = SteadyTime;
  struct Due {
    Time when;
    Key key;
    std::int64_t id = 0;  // of the batch; it may be closed by now
  };

  // For what AppendClosed waits, when all that it could append is under way in other threads.
  enum class Wait { kNever, kForRoom, kUntilAppended };

  // Appends what is closed by now, of one partition or (null) of all.
  void AppendClosed(Key key, Wait wait) ABSL_LOCKS_EXCLUDED(mutex_);
  // The first closed batch up to `last_id` that nothing is in the way of.
  Batches::iterator FindReady(Key key, std::int64_t last_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsAppended(Key key, std::int64_t last_id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Appends one, and tells of it.
  void Append(Batches::iterator ready) ABSL_LOCKS_EXCLUDED(mutex_);
  // Opens a batch for a record of that many bytes.
  Batch& Open(const Topic& topic, int partition, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(Key key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseDue(Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);

  const Settings settings_;
  const OnAppended on_appended_;
  const OnOpened on_opened_;

  Mutex mutex_;
  CondVar changed_;
  std::map<Key, Batches> open_ ABSL_GUARDED_BY(mutex_);
  std::deque<Due> due_ ABSL_GUARDED_BY(mutex_);  // of the open ones, the oldest first
  Batches closed_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t buffered_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes, until they are appended
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  Batches appending_ ABSL_GUARDED_BY(mutex_);  // by some thread each, one of a partition at most
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<std::thread> thread_ ABSL_GUARDED_BY(mutex_);  // at most one
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_BATCHER_H_
