#include "consumer/run/keyed_executor.h"

#include <algorithm>

#include "consumer/run/sleep_times.h"

namespace daybook::inline v1 {

KeyedExecutor::KeyedExecutor(Settings settings)
    : settings_(std::move(settings)), lanes_(settings_.lanes) {}

KeyedExecutor::~KeyedExecutor() { Stop(); }

absl::Status KeyedExecutor::Start() {
  for (int i = 0; i < settings_.threads; ++i) workers_.push_back(std::make_unique<Worker>());
  for (const auto& worker : workers_) {
    auto thread = settings_.threads_of->Start([this, &worker = *worker] { Work(worker); });
    if (!thread.ok()) {
      Stop();
      return thread.status();
    }
    worker->thread = *std::move(thread);
  }
  return absl::OkStatus();
}

void KeyedExecutor::Push(std::span<const KeyedTask> tasks) {
  std::vector<Worker*> woken;
  {
    MutexLock lock(mutex_);
    std::size_t scheduled = 0;
    for (const KeyedTask& task : tasks) {
      KeyQueue& lane = LaneOf(task);
      lane.incoming.push_back(task);
      if (lane.is_scheduled) continue;
      lane.is_scheduled = true;
      runnable_.push_back(&lane);
      ++scheduled;
    }
    woken = Unpark(scheduled);
  }
  for (Worker* worker : woken) worker->event.Notify();
}

void KeyedExecutor::Collect(std::vector<Done>& done) {
  for (const auto& worker : workers_) {
    MutexLock lock(worker->mutex);
    done.insert(done.end(), worker->done.begin(), worker->done.end());
    worker->done.clear();
  }
}

void KeyedExecutor::RetryNow() {
  std::vector<Worker*> woken;
  {
    MutexLock lock(mutex_);
    const std::size_t hurried = waiting_.size();
    for (; !waiting_.empty(); waiting_.pop()) runnable_.push_back(waiting_.top().lane);
    woken = Unpark(hurried);
  }
  for (Worker* worker : woken) worker->event.Notify();
}

void KeyedExecutor::Stop() {
  std::vector<Worker*> woken;
  {
    MutexLock lock(mutex_);
    is_stopping_.store(true, std::memory_order_relaxed);
    woken = Unpark(parked_.size());
  }
  for (Worker* worker : woken) worker->event.Notify();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

void KeyedExecutor::Work(Worker& worker) {
  KeyQueue* lane = nullptr;
  while ((lane = NextLane(worker, lane)) != nullptr) Handle(worker, *lane);
}

KeyedExecutor::KeyQueue* KeyedExecutor::NextLane(Worker& worker, KeyQueue* lane) {
  std::vector<Worker*> woken;
  if (lane != nullptr) {
    MutexLock lock(mutex_);
    const bool was_waiting = !waiting_.empty();
    const Time before = was_waiting ? waiting_.top().until : Time::max();
    Release(*lane);
    // Who sleeps until later than that has to look sooner.
    if (!waiting_.empty() && waiting_.top().until < before) woken = Unpark(1);
  }
  for (Worker* other : woken) other->event.Notify();
  for (;;) {
    EventCount::Key key{};
    Time until;
    {
      MutexLock lock(mutex_);
      std::erase(parked_, &worker);  // when it was not notified
      if (is_stopping_.load(std::memory_order_relaxed)) return nullptr;
      WakeDue();
      if (!runnable_.empty()) {
        lane = runnable_.front();
        runnable_.pop_front();
        if (lane->next == lane->active.size()) {
          lane->active.clear();
          lane->next = 0;
          std::swap(lane->active, lane->incoming);
        }
        return lane;
      }
      until = NextLook();
      parked_.push_back(&worker);
      key = worker.event.PrepareForCertainNotify();
    }
    // Nothing to do for us: time for more, before there is nothing to do for anybody.
    if (wanted_.exchange(0) > 0) settings_.wake();
    worker.event.CommitWait(key, until);
  }
}

void KeyedExecutor::Handle(Worker& worker, KeyQueue& lane) {
  for (; lane.next != lane.active.size(); ++lane.next) {
    const KeyedTask& task = lane.active[lane.next];
    const LaneMode mode = task.mode->load();
    bool is_finished = false;
    if (mode == LaneMode::kDrain && lane.failures != 0) {
      // What comes after it would only be handled again: none of it can be committed.
      task.mode->store(LaneMode::kDrop);
    } else if (mode != LaneMode::kDrop) {
      if (is_stopping_.load(std::memory_order_relaxed)) return;
      // Hurried for the sake of other lanes.
      if (lane.failures != 0 && settings_.clock->MonotonicNow() < lane.retry_at) return;
      const AttemptResult verdict = settings_.attempt(task, lane.failures + 1);
      if (verdict.kind == AttemptResult::Kind::kRetry) {
        ++lane.failures;
        lane.retry_at = settings_.clock->MonotonicNow() + verdict.backoff;
        return;
      }
      is_finished = verdict.kind == AttemptResult::Kind::kFinished;
    }
    lane.failures = 0;
    GiveBack(worker, task, is_finished);
  }
}

void KeyedExecutor::GiveBack(Worker& worker, const KeyedTask& task, bool is_finished) {
  {
    MutexLock lock(worker.mutex);
    worker.done.push_back({task.owner, task.ticket, is_finished});
  }
  // Not missed by who asks (WakeWhen) and then looks (Collect): either that look comes after us and
  // finds the task, or we come after it and see that it was asked.
  if (wanted_.load() > 0 && wanted_.fetch_sub(1) == 1) settings_.wake();
}

KeyedExecutor::KeyQueue& KeyedExecutor::LaneOf(const KeyedTask& task) {
  if (task.lane != kOwnLane) return lanes_[task.lane];
  if (free_lanes_.empty()) {
    free_lanes_.push_back(&own_lanes_.emplace_back());
    free_lanes_.back()->is_of_one_task = true;
  }
  KeyQueue& lane = *free_lanes_.back();
  free_lanes_.pop_back();
  return lane;
}

void KeyedExecutor::Release(KeyQueue& lane) {
  const bool is_done = lane.next == lane.active.size();
  if (is_done && lane.incoming.empty()) {
    lane.is_scheduled = false;
    if (lane.is_of_one_task) free_lanes_.push_back(&lane);
    return;
  }
  // A mode that was changed before the last RetryNow is seen here: that took the mutex.
  const bool waits =
      !is_done && lane.failures != 0 && lane.active[lane.next].mode->load() == LaneMode::kRun;
  if (waits) {
    waiting_.push({lane.retry_at, &lane});
  } else {
    runnable_.push_back(&lane);
  }
}

void KeyedExecutor::WakeDue() {
  if (waiting_.empty()) return;
  const Time now = settings_.clock->MonotonicNow();
  for (; !waiting_.empty() && waiting_.top().until <= now; waiting_.pop()) {
    runnable_.push_back(waiting_.top().lane);
  }
}

KeyedExecutor::Time KeyedExecutor::NextLook() {
  if (waiting_.empty()) return Time::max();
  const auto left = waiting_.top().until - settings_.clock->MonotonicNow();
  const auto now = std::chrono::steady_clock::now();
  if (settings_.clock == &Clock::System()) return now + left;
  return now + std::min<std::chrono::nanoseconds>(left, kLookAtClock);
}

std::vector<KeyedExecutor::Worker*> KeyedExecutor::Unpark(std::size_t count) {
  const std::size_t taken = std::min(count, parked_.size());
  std::vector<Worker*> woken(parked_.end() - static_cast<std::ptrdiff_t>(taken), parked_.end());
  parked_.resize(parked_.size() - taken);
  return woken;
}

}  // namespace daybook::inline v1
