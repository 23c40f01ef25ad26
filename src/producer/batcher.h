#ifndef DAYBOOK_PRODUCER_BATCHER_H_
#define DAYBOOK_PRODUCER_BATCHER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
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
#include "base/mutex.h"
#include "daybook/producer.h"
#include "format/batch_codec.h"

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

// Records of one partition, gathered.
struct Batch {
  Topic topic;
  int partition = 0;
  std::int64_t id = 0;
  std::string entries;  // of a batch frame
  frame::EntryTimes times = {};
  std::vector<DeliveryCallback> callbacks;  // one for each record; some may be empty
  std::shared_ptr<BatchOutcome> outcome = std::make_shared<BatchOutcome>();
};

// Gathers records into batches, one open batch for each partition, and appends them: in a thread
// of its own when they are full or old enough, or in whoever calls. Batches are appended one after
// the other in the order in which they were closed. Thread-safe.
class Batcher {
 public:
  struct Settings {
    std::chrono::nanoseconds linger{0};
    std::uint64_t batch_bytes = 0;
    std::uint64_t buffer_bytes = 0;
    bool has_thread = false;
  };
  // Told of each batch once, with no lock held, when it was appended or could not be; that may be
  // seen from the outcome.
  using OnAppended = std::function<void(Batch batch)>;

  Batcher(const Settings& settings, OnAppended on_appended)
      : settings_(settings), on_appended_(std::move(on_appended)) {}
  // Appends all. Not from `on_appended`.
  ~Batcher();

  // Copies the record into the open batch of its partition. Nothing, and nothing was done, when it
  // does not fit into a batch of its topic even alone. Appends what is full if nobody else does,
  // and what there is when the buffer is full.
  std::optional<Receipt> Add(const Topic& topic, int partition, const Record& record,
                             DeliveryCallback&& on_delivery) ABSL_LOCKS_EXCLUDED(mutex_);

  // When they return, what was added before is appended, of one partition or of all.
  void AppendOf(const Topic& topic, int partition) ABSL_LOCKS_EXCLUDED(mutex_);
  void AppendAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Key = std::pair<const TopicState*, int>;
  using Time = std::chrono::steady_clock::time_point;
  struct Due {
    Time when;
    Key key;
    std::int64_t id = 0;  // of the batch; it may be closed by now
  };

  // Appends what is closed, and waits for what another thread is appending.
  void AppendClosed() ABSL_LOCKS_EXCLUDED(mutex_);
  // Opens a batch for a record of that many bytes.
  std::map<Key, Batch>::iterator Open(const Key& key, const Topic& topic, std::uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseDue(Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);

  const Settings settings_;
  const OnAppended on_appended_;

  Mutex mutex_;
  CondVar changed_;
  std::map<Key, Batch> open_ ABSL_GUARDED_BY(mutex_);
  std::deque<Due> due_ ABSL_GUARDED_BY(mutex_);  // of the open ones, the oldest first
  std::deque<Batch> closed_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t buffered_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes, until they are appended
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_appending_ ABSL_GUARDED_BY(mutex_) = false;  // some thread appends a batch
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_PRODUCER_BATCHER_H_
