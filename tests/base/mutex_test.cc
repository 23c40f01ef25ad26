#include "base/mutex.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "catch.h"

namespace daybook {
namespace {

// Reached only when a wake was lost.
std::chrono::steady_clock::time_point MuchLater() {
  return std::chrono::steady_clock::now() + std::chrono::minutes(1);
}

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value ABSL_GUARDED_BY(mutex) = 0;
};

}  // namespace

TEST_CASE("What is counted under a lock is all counted") {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) {
        MutexLock lock(counter.mutex);
        ++counter.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(counter.mutex);
  CHECK(counter.value == 40'000);
}

TEST_CASE("Threads that wait for a condition are all woken") {
  Counter counter;
  int in_time = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto deadline = MuchLater();
      MutexLock lock(counter.mutex);
      while (counter.value == 0 && counter.changed.WaitUntil(counter.mutex, deadline)) {
      }
      in_time += counter.value;
    });
  }
  {
    MutexLock lock(counter.mutex);
    counter.value = 1;
  }
  counter.changed.NotifyAll();
  for (std::thread& thread : threads) thread.join();
  CHECK(in_time == 3);
}

TEST_CASE("A wait ends at its deadline") {
  Counter counter;
  MutexLock lock(counter.mutex);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  while (counter.changed.WaitUntil(counter.mutex, deadline)) {
  }
  CHECK(std::chrono::steady_clock::now() >= deadline);
}

}  // namespace daybook
