#include "base/event_count.h"

#include <atomic>
#include <thread>
#include <vector>

#include "catch.h"

namespace daybook {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// Reached only when a wake was lost.
SteadyTime MuchLater() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }

// A number that one thread raises and another waits for. Nothing but the event count orders the
// two: the number itself is relaxed.
class Waited {
 public:
  void Raise() {
    value_.fetch_add(1, std::memory_order_relaxed);
    list_.NotifyIfAny();
  }

  bool Await(EventCount& event, int value) {
    const SteadyTime deadline = MuchLater();
    list_.Register(&event);
    bool is_in_time = true;
    while (is_in_time) {
      const EventCount::Key key = event.PrepareWait();
      if (value_.load(std::memory_order_relaxed) >= value) break;
      is_in_time = event.CommitWait(key, deadline);
    }
    list_.Unregister(&event);
    return is_in_time;
  }

 private:
  WaitList list_;
  std::atomic<int> value_{0};
};

}  // namespace

TEST_CASE("A notify between preparing and committing to a wait is not missed") {
  EventCount event;
  const EventCount::Key key = event.PrepareWait();
  event.Notify();
  CHECK(event.CommitWait(key, MuchLater()));
}

TEST_CASE("A notify before preparing does not end the wait") {
  EventCount event;
  event.Notify();
  const EventCount::Key key = event.PrepareWait();
  CHECK_FALSE(event.CommitWait(key, std::chrono::steady_clock::now()));
}

TEST_CASE("A wait whose deadline has passed ends at once") {
  EventCount event;
  CHECK_FALSE(event.CommitWait(event.PrepareWait(), SteadyTime()));
}

TEST_CASE("A wait lasts until its deadline") {
  EventCount event;
  const SteadyTime deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  CHECK_FALSE(event.CommitWait(event.PrepareWait(), deadline));
  CHECK(std::chrono::steady_clock::now() >= deadline);
}

TEST_CASE("A wait may have no end") {
  EventCount event;
  std::atomic<bool> is_woken{false};
  std::thread waiter([&] {
    const EventCount::Key key = event.PrepareWait();
    if (!is_woken) CHECK(event.CommitWait(key, SteadyTime::max()));
  });
  is_woken = true;
  event.Notify();
  waiter.join();
}

TEST_CASE("Only events that are in the list are told") {
  EventCount in;
  EventCount out;
  WaitList list;
  list.NotifyIfAny();
  list.Register(&in);
  list.Register(&out);
  list.Unregister(&out);
  const EventCount::Key in_key = in.PrepareWait();
  const EventCount::Key out_key = out.PrepareWait();
  list.NotifyIfAny();
  CHECK(in.CommitWait(in_key, MuchLater()));
  CHECK_FALSE(out.CommitWait(out_key, SteadyTime()));
  list.Unregister(&in);
}

TEST_CASE("Ten thousand rounds of ping-pong lose no wake") {
  constexpr int kRounds = 10'000;
  Waited ping;
  Waited pong;
  int answered = 0;
  std::thread other([&] {
    EventCount event;
    for (int round = 1; round <= kRounds && ping.Await(event, round); ++round) pong.Raise();
  });
  EventCount event;
  for (int round = 1; round <= kRounds; ++round) {
    ping.Raise();
    if (!pong.Await(event, round)) break;
    ++answered;
  }
  other.join();
  CHECK(answered == kRounds);
}

TEST_CASE("Every waiter sees the last of what many threads did") {
  constexpr int kThreads = 3;
  constexpr int kRounds = 5'000;
  Waited done;
  std::atomic<int> in_time{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) done.Raise();
    });
    threads.emplace_back([&] {
      EventCount event;
      in_time += done.Await(event, kThreads * kRounds) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(in_time == kThreads);
}

}  // namespace daybook
