#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/topics/topic_state.h"
#include "consumer/run/attempt.h"
#include "daybook/reader.h"
#include "daybook/system/thread_factory.h"
#include "daybook/table/table_view.h"

namespace daybook::inline v1 {

// One thread reads: the feed's own, or the caller's. What it has come to, others wait for.
class TableFeed::State {
 public:
  State(Reader reader, std::shared_ptr<BrokerCore> core, std::string topic, Take take)
      : reader_(std::move(reader)),
        core_(std::move(core)),
        topic_(std::move(topic)),
        take_(std::move(take)) {}
  ~State() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    reader_.Wakeup();
    thread_.join();
  }

  absl::Status Start(ThreadFactory& threads) {
    auto thread = threads.Start([this] { Loop(); });
    if (!thread.ok()) return thread.status();
    thread_ = *std::move(thread);
    return absl::OkStatus();
  }
  bool has_thread() const { return thread_.joinable(); }

  absl::Status Poll(std::chrono::nanoseconds timeout) {
    if (!has_thread()) return Step(timeout).status();
    return absl::FailedPreconditionError(
        "a thread keeps this view up to date (Background::kThread); call CatchUp or WaitFor");
  }

  absl::Status CatchUp(SteadyTime deadline) {
    const auto ends = Ends();  // what comes meanwhile does not count
    if (!ends.ok()) return ends.status();
    if (!has_thread()) {
      return Drive(deadline, [&](bool was_empty) { return was_empty || HasCome(*ends); });
    }
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = ++asked_;
    lock.unlock();
    reader_.Wakeup();
    lock.lock();
    return Await(lock, deadline, [&] { return answered_ >= wanted || HasCome(*ends); });
  }

  absl::Status WaitFor(int partition, Offset end, SteadyTime deadline) {
    const auto topic = core_->catalog().Find(topic_);
    if (!topic.ok()) return topic.status();
    if (auto status = CheckPartition(*topic, partition); !status.ok()) return status;
    const std::map<int, Offset> ends = {{partition, end}};
    if (!has_thread()) return Drive(deadline, [&](bool) { return HasCome(ends); });
    std::unique_lock lock(mutex_);
    return Await(lock, deadline, [&] { return HasCome(ends); });
  }

 private:
  // Takes in the next batch; whether there was none.
  absl::StatusOr<bool> Step(std::chrono::nanoseconds timeout) {
    {
      const std::lock_guard lock(mutex_);
      if (!ended_.ok()) return ended_;
    }
    auto batch = reader_.Poll(timeout);
    if (absl::IsOutOfRange(batch.status()) && PassDropped()) return false;
    if (absl::IsCancelled(batch.status())) return false;
    absl::Status status = batch.status();
    if (status.ok() && !batch->empty()) {
      status = CallHandler([&] { return take_(*batch); }, "what takes a batch into the view");
    }
    const std::lock_guard lock(mutex_);
    if (!status.ok()) {
      ended_ = status;
    } else if (!batch->empty()) {
      NotePosition(batch->partition());
    } else {
      for (int id = 0; NotePosition(id); ++id) {
      }
    }
    changed_.notify_all();
    if (!status.ok()) return status;
    return batch->empty();
  }

  // What was dropped says nothing any more. True: a partition goes on behind it.
  bool PassDropped() {
    const auto topic = core_->catalog().Find(topic_);
    bool has_passed = false;
    for (int id = 0; topic.ok() && id < topic->partitions(); ++id) {
      const auto position = reader_.Position(id);
      const auto begin = topic->partition(id).begin_offset();
      if (!position.ok() || !begin.ok() || *position >= *begin) continue;
      has_passed = reader_.Seek(id, *begin).ok() || has_passed;
    }
    return has_passed;
  }

  // False: the reader knows of no such partition.
  bool NotePosition(int partition) {
    const auto position = reader_.Position(partition);
    if (position.ok()) positions_[partition] = *position;
    return position.ok();
  }

  // Of each partition, now.
  absl::StatusOr<std::map<int, Offset>> Ends() {
    const auto topic = core_->catalog().Find(topic_);
    if (!topic.ok()) return topic.status();
    std::map<int, Offset> ends;
    for (int id = 0; id < topic->partitions(); ++id) {
      const auto end = topic->partition(id).end_offset();
      if (!end.ok()) return end.status();
      ends[id] = *end;
    }
    return ends;
  }
  // All before these is taken in. With the lock, if there is a thread.
  bool HasCome(const std::map<int, Offset>& ends) const {
    for (const auto& [partition, end] : ends) {
      const auto at = positions_.find(partition);
      if ((at == positions_.end() ? Offset() : at->second) < end) return false;
    }
    return true;
  }

  // Takes in what there is, and waits for more when nothing is.
  template <typename IsDone>
  absl::Status Drive(SteadyTime deadline, IsDone is_done) {
    auto wait = std::chrono::nanoseconds(0);
    for (;;) {
      const auto was_empty = Step(wait);
      if (!was_empty.ok()) return was_empty.status();
      if (is_done(*was_empty)) return absl::OkStatus();
      const auto now = std::chrono::steady_clock::now();
      if (now >= deadline) return Late();
      wait = *was_empty ? deadline - now : std::chrono::nanoseconds(0);
    }
  }

  template <typename IsDone>
  absl::Status Await(std::unique_lock<std::mutex>& lock, SteadyTime deadline, IsDone is_done) {
    while (!is_done()) {
      if (!ended_.ok()) return ended_;
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !is_done()) {
        return ended_.ok() ? Late() : ended_;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Late() const {
    return absl::DeadlineExceededError(
        absl::StrCat("the view of ", topic_, " is not that far yet"));
  }

  void Loop() {
    for (;;) {
      std::uint64_t asked = 0;
      {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        asked = asked_;
      }
      const auto was_empty = Step(std::chrono::nanoseconds(0));
      if (!was_empty.ok()) return;
      if (!*was_empty) continue;
      {
        const std::lock_guard lock(mutex_);
        answered_ = asked;
        changed_.notify_all();
        if (asked_ != asked || is_stopped_) continue;
      }
      if (!Step(std::chrono::hours(24)).ok()) return;
    }
  }

  Reader reader_;
  const std::shared_ptr<BrokerCore> core_;
  const std::string topic_;
  const Take take_;
  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status ended_;               // why it has
  std::map<int, Offset> positions_;  // of the reader
  std::uint64_t asked_ = 0;          // calls of CatchUp
  std::uint64_t answered_ = 0;       // of these
  bool is_stopped_ = false;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<TableFeed>> TableFeed::Open(Broker& broker, std::string_view topic,
                                                           Background mode, Take take) {
  auto reader = Reader::Open(broker, topic);
  if (!reader.ok()) return reader.status();
  auto state = std::make_unique<State>(*std::move(reader), Access::SharedCore(broker),
                                       std::string(topic), std::move(take));
  if (mode == Background::kThread) {
    const auto status = state->Start(Access::Core(broker).threads());
    if (!status.ok()) return status;
  }
  return std::unique_ptr<TableFeed>(new TableFeed(std::move(state)));
}

TableFeed::TableFeed(std::unique_ptr<State> state) : state_(std::move(state)) {}
TableFeed::~TableFeed() = default;

absl::Status TableFeed::Poll(TimeSpan timeout) { return state_->Poll(timeout); }
absl::Status TableFeed::CatchUp(TimeSpan timeout) {
  return state_->CatchUp(DeadlineAfter(timeout));
}
absl::Status TableFeed::WaitFor(int partition, Offset end, TimeSpan timeout) {
  return state_->WaitFor(partition, end, DeadlineAfter(timeout));
}

}  // namespace daybook::inline v1
