#ifndef DAYBOOK_LOG_WORK_QUEUE_H_
#define DAYBOOK_LOG_WORK_QUEUE_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace daybook::inline v1 {

class PartitionLog;

// Where a partition stands in a queue of its broker's threads. It is part of the partition, so that
// an append, which is in the middle of a claim, never needs memory to queue it.
struct QueuePlace {
  std::shared_ptr<PartitionLog> log = nullptr;  // set while it is in the queue
  QueuePlace* next = nullptr;
  std::chrono::steady_clock::time_point due;
};

// First in, first out. Throws nothing; one thread at a time.
class WorkQueue {
 public:
  WorkQueue() = default;
  ~WorkQueue() { Clear(); }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  bool empty() const { return first_ == nullptr; }
  const QueuePlace& front() const { return *first_; }

  // `place` is the one of `log`. Nothing happens if it is in the queue already.
  void Push(std::shared_ptr<PartitionLog> log, QueuePlace& place) noexcept {
    if (place.log != nullptr) return;
    place.log = std::move(log);
    place.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &place;
    last_ = &place;
  }
  // There must be one.
  std::shared_ptr<PartitionLog> Pop() noexcept {
    QueuePlace& place = *first_;
    first_ = place.next;
    if (first_ == nullptr) last_ = nullptr;
    return std::move(place.log);
  }
  void Clear() noexcept {
    while (!empty()) Pop();
  }

 private:
  QueuePlace* first_ = nullptr;
  QueuePlace* last_ = nullptr;
};

// What the threads of its broker know of a partition.
struct BackgroundPlaces {
  std::atomic<bool> is_dirty{false};            // on_dirty was told, and nothing was synced since
  std::atomic<bool> has_requested_work{false};  // so was request_work_ahead
  std::atomic<bool> has_begun_segment{false};   // on_segment was told, and nobody has looked since
  QueuePlace sync;                              // guarded by the mutex of the SyncScheduler
  QueuePlace ahead;                             // and by that of the AheadWorker
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_WORK_QUEUE_H_
