#include "consumer/run/keyed_executor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "catch.h"
#include "support/notes.h"

namespace daybook {
namespace {

using AttemptResult = KeyedExecutor::AttemptResult;

// A pool whose tasks are named by their tickets, and whose attempts the test answers.
class PoolFixture {
 public:
  using Attempt = std::function<AttemptResult(const KeyedTask&, int)>;

  PoolFixture(int threads, Attempt attempt)
      : pool_({.threads = threads,
               .lanes = 8,
               .clock = &clock_,
               .attempt = std::move(attempt),
               .wake = [this] {
                 MutexLock lock(mutex_);
                 ++wakes_;
                 changed_.NotifyAll();
               }}) {
    REQUIRE(pool_.Start().ok());
  }

  KeyedExecutor& operator*() { return pool_; }
  KeyedExecutor* operator->() { return &pool_; }
  ManualClock& clock() { return clock_; }
  std::atomic<LaneMode>& mode() { return mode_; }

  KeyedTask Task(std::size_t lane, std::uint64_t ticket) {
    return {.record = {}, .mode = &mode_, .owner = this, .ticket = ticket, .lane = lane};
  }
  void Push(std::size_t lane, std::vector<std::uint64_t> tickets) {
    std::vector<KeyedTask> tasks;
    for (const std::uint64_t ticket : tickets) tasks.push_back(Task(lane, ticket));
    pool_.Push(tasks);
  }
  // Waits until so many have come back since the fixture was made: whether each was finished.
  std::map<std::uint64_t, bool> Await(std::size_t count) {
    for (;;) {
      int seen = 0;
      {
        MutexLock lock(mutex_);
        seen = wakes_;
      }
      pool_.WakeWhen(1);
      std::vector<KeyedExecutor::Done> done;
      pool_.Collect(done);
      for (const KeyedExecutor::Done& one : done) {
        CHECK(one.owner == this);
        CHECK(back_.emplace(one.ticket, one.is_finished).second);
      }
      if (back_.size() >= count) return back_;
      if (!done.empty()) continue;
      MutexLock lock(mutex_);
      while (wakes_ == seen) changed_.Wait(mutex_);
    }
  }

 private:
  ManualClock clock_;
  std::atomic<LaneMode> mode_{LaneMode::kRun};
  std::map<std::uint64_t, bool> back_;
  Mutex mutex_;
  CondVar changed_;
  int wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  KeyedExecutor pool_;
};

AttemptResult Finished() { return {}; }
AttemptResult Unfinished() { return {.kind = AttemptResult::Kind::kUnfinished}; }
AttemptResult RetryIn(std::chrono::nanoseconds backoff) {
  return {.kind = AttemptResult::Kind::kRetry, .backoff = backoff};
}

}  // namespace

TEST_CASE("A lane keeps its order, however many workers there are") {
  std::array<std::vector<std::uint64_t>, 8> handled;  // of each lane: one worker at a time
  PoolFixture pool(4, [&](const KeyedTask& task, int) {
    handled[task.lane].push_back(task.ticket);
    return Finished();
  });
  constexpr std::uint64_t kRounds = 500;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    std::vector<KeyedTask> tasks;
    for (std::size_t lane = 0; lane < 8; ++lane) {
      for (std::uint64_t i = 0; i < 3; ++i) {
        tasks.push_back(pool.Task(lane, (lane * kRounds + round) * 3 + i));
      }
    }
    pool->Push(tasks);
  }
  CHECK(pool.Await(8 * kRounds * 3).size() == 8 * kRounds * 3);
  for (const auto& tickets : handled) {
    CHECK(tickets.size() == kRounds * 3);
    CHECK(std::is_sorted(tickets.begin(), tickets.end()));
  }
}

TEST_CASE("A lane that is held up leaves the workers to the others") {
  Gate gate;
  PoolFixture pool(2, [&](const KeyedTask& task, int) {
    if (task.ticket == 0) gate.Pass();
    return Finished();
  });
  pool.Push(0, {0, 1});
  pool.Push(1, {2});
  pool.Push(2, {3});
  const auto back = pool.Await(2);
  CHECK(back.count(2) + back.count(3) == 2);
  gate.Open();
  CHECK(pool.Await(4).size() == 4);
}

TEST_CASE("Tasks with a lane of their own wait for nobody") {
  Gate gate;
  PoolFixture pool(2, [&](const KeyedTask& task, int attempt) {
    if (task.ticket == 0) gate.Pass();
    return task.ticket == 1 && attempt == 1 ? RetryIn(std::chrono::hours(1)) : Finished();
  });
  for (std::uint64_t round = 0; round < 3; ++round) {
    pool.Push(kOwnLane, round == 0 ? std::vector<std::uint64_t>{0, 1, 2, 3}
                                   : std::vector<std::uint64_t>{10 * round, 10 * round + 1});
    const auto back = pool.Await(2 * (round + 1));
    CHECK(back.count(0) + back.count(1) == 0);
  }
  gate.Open();
  CHECK(pool.Await(7).count(0) == 1);
  pool.clock().Advance(std::chrono::hours(1));
  pool->RetryNow();
  CHECK(pool.Await(8).count(1) == 1);
}

TEST_CASE("A task that fails is attempted again after its backoff, before what is behind it") {
  std::atomic<int> attempts{0};  // no assertions in workers: Catch has one thread
  std::vector<std::uint64_t> order;
  Gate again;
  // One worker: it does not sleep through the backoff.
  PoolFixture pool(1, [&](const KeyedTask& task, int attempt) {
    order.push_back(task.ticket);
    if (task.ticket != 0) return Finished();
    attempts = attempt;
    if (attempt == 2) again.Open();
    return attempt < 3 ? RetryIn(std::chrono::seconds(10)) : Finished();
  });
  pool.Push(0, {0, 1});
  pool.Push(1, {2});
  CHECK(pool.Await(1).count(2) == 1);
  CHECK(attempts == 1);
  pool.clock().Advance(std::chrono::seconds(9));
  pool.Push(1, {3});
  CHECK(pool.Await(2).count(3) == 1);
  CHECK(attempts == 1);
  pool.clock().Advance(std::chrono::seconds(1));
  again.Pass();
  pool.Push(1, {4});  // when that is back, its worker has put the lane of the other aside
  CHECK(pool.Await(3).count(4) == 1);
  pool.clock().Advance(std::chrono::seconds(10));
  CHECK(pool.Await(5).size() == 5);
  CHECK(attempts == 3);
  CHECK(std::vector<std::uint64_t>(order.end() - 2, order.end()) ==
        std::vector<std::uint64_t>{0, 1});
  CHECK(std::count(order.begin(), order.end(), 0) == 3);
}

TEST_CASE("What is dropped comes back unfinished, and what drains waits for no other attempt") {
  for (const LaneMode mode : {LaneMode::kDrain, LaneMode::kDrop}) {
    Gate failed;
    PoolFixture pool(1, [&](const KeyedTask& task, int) {
      if (task.ticket == 0) failed.Open();
      return task.ticket == 0 ? RetryIn(std::chrono::hours(1)) : Finished();
    });
    pool.Push(0, {0, 1});
    failed.Pass();
    pool.mode() = mode;
    pool->RetryNow();
    // The one behind it, too: nothing after it can be committed.
    CHECK(pool.Await(2) == std::map<std::uint64_t, bool>{{0, false}, {1, false}});
  }
}

TEST_CASE("What drains is handled, as long as it does not fail") {
  Gate gate;
  Gate begun;
  PoolFixture pool(1, [&](const KeyedTask& task, int) {
    if (task.ticket == 0) {
      begun.Open();
      gate.Pass();
    }
    return task.ticket == 2 ? Unfinished() : Finished();
  });
  pool.Push(0, {0, 1, 2, 3});
  begun.Pass();
  pool.mode() = LaneMode::kDrain;
  pool->RetryNow();
  gate.Open();
  CHECK(pool.Await(4) ==
        std::map<std::uint64_t, bool>{{0, true}, {1, true}, {2, false}, {3, true}});
}

TEST_CASE("Whoever hands out is woken when enough has come back, or nothing more will") {
  Gate first;
  Gate last;
  std::atomic<int> wakes{0};
  Gate woken;
  KeyedExecutor pool({.threads = 1,
                      .lanes = 4,
                      .attempt =
                          [&](const KeyedTask& task, int) {
                            if (task.ticket == 0) first.Pass();
                            if (task.ticket == 3) last.Pass();
                            return Finished();
                          },
                      .wake =
                          [&] {
                            ++wakes;
                            woken.Open();
                          }});
  REQUIRE(pool.Start().ok());
  std::atomic<LaneMode> mode{LaneMode::kRun};
  std::vector<KeyedTask> tasks;
  for (std::uint64_t ticket = 0; ticket < 4; ++ticket) {
    tasks.push_back({.record = {}, .mode = &mode, .owner = &pool, .ticket = ticket, .lane = 0});
  }
  // Asked while there is something to do: a worker that found nothing would wake at once.
  pool.Push(tasks);
  pool.WakeWhen(3);
  first.Open();
  woken.Pass();
  CHECK(wakes == 1);
  std::vector<KeyedExecutor::Done> done;
  pool.Collect(done);
  CHECK(done.size() == 3);
  pool.WakeWhen(100);  // there is one left
  last.Open();
  while (wakes == 1) std::this_thread::yield();
  CHECK(wakes == 2);
  pool.Stop();
  pool.Collect(done);
  CHECK(done.size() == 4);
}

TEST_CASE("A pool stops with tasks waiting, and begins none") {
  std::atomic<int> begun{0};
  Gate first;
  PoolFixture pool(2, [&](const KeyedTask&, int) {
    ++begun;
    first.Open();
    return RetryIn(std::chrono::hours(1));
  });
  pool.Push(0, {0, 1, 2});
  first.Pass();
  pool->Stop();
  CHECK(begun == 1);
  pool.Push(1, {3});
  CHECK(begun == 1);
}

}  // namespace daybook
