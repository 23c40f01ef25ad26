#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/consumer_group.h"
#include "scratch.h"
#include "suites.h"

// ConsumerGroup::Run with a handler that waits 100 us, as one that asks a database does: records
// handled in a second by 1, 2, 4 and 8 threads. The limit is as many threads that call the same
// handler in a loop, with nothing to read and nothing to commit.

namespace daybook::bench {
namespace {

constexpr std::array<int, 4> kThreads = {1, 2, 4, 8};
constexpr std::size_t kValueBytes = 100;
constexpr int kPartitions = 4;
constexpr std::int64_t kFewest = 20;

// The kernel may add 50 us to a wait to save a wake-up, unless it is told not to.
void Wait() {
  thread_local const int is_exact = prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  if (is_exact != 0) return;
  const timespec pause{.tv_sec = 0, .tv_nsec = 100'000};
  nanosleep(&pause, nullptr);
}

// From the first call to the last one.
class Calls {
 public:
  explicit Calls(std::int64_t count) : left_(count), count_(static_cast<double>(count)) {}

  // Whether this was the last one.
  bool Add() {
    Wait();
    if (left_.fetch_sub(1) != 1) return false;
    rate_ = count_ / watch_.seconds();
    return true;
  }
  bool AreOver() const { return left_.load(std::memory_order_relaxed) <= 0; }
  // After the threads are joined.
  double rate() const { return rate_; }

 private:
  std::atomic<std::int64_t> left_;
  const double count_;
  const Stopwatch watch_;
  double rate_ = 0;
};

class GroupRunContest final : public Contest {
 public:
  explicit GroupRunContest(const Settings& settings)
      : settings_(settings), each_(std::max(kFewest, settings.round_trips / 100)) {}

  std::vector<double> Measure() override {
    std::vector<double> rates;
    for (const int threads : kThreads) rates.push_back(Run(threads));
    return rates;
  }

  std::vector<double> MeasureLimit() override {
    std::vector<double> rates;
    for (const int threads : kThreads) {
      Calls calls(each_ * threads);
      std::vector<std::thread> workers;
      for (int i = 0; i < threads; ++i) {
        workers.emplace_back([&calls] {
          while (!calls.AreOver()) calls.Add();
        });
      }
      for (std::thread& worker : workers) worker.join();
      rates.push_back(calls.rate());
    }
    return rates;
  }

 private:
  double Run(int threads) {
    ScratchBroker scratch(settings_);
    TopicOptions options;
    options.partitions = kPartitions;
    const Topic topic = scratch.NewTopic("run", options);
    const std::int64_t records = each_ * threads;
    const std::string value(kValueBytes, 'v');
    for (std::int64_t i = 0; i < records; ++i) {
      const std::string key = absl::StrCat(i);
      Record record;
      record.key = key;
      record.value = value;
      Check(topic.partition(static_cast<int>(i % kPartitions)).Append(record).status());
    }
    ConsumerGroup group(scratch.broker(), "bench");
    std::stop_source stop;
    Calls calls(records);
    Check(
        group.Run({"run"}, {.threads = threads, .stop = stop.get_token()}, [&](const RecordView&) {
          if (calls.Add()) stop.request_stop();
          return absl::OkStatus();
        }));
    return calls.rate();
  }

  const Settings settings_;
  const std::int64_t each_;  // for each thread
};

}  // namespace

Suite GroupRunSuite() {
  std::vector<RowName> rows;
  for (const int threads : kThreads) {
    rows.push_back({.name = absl::StrCat("group_run_scaling.", threads),
                    .unit = "1/s",
                    .note = "the limit is bare threads that wait 100 us"});
  }
  return {.name = "group_run_scaling", .rows = rows, .open = [](const Settings& settings) {
            return std::make_unique<GroupRunContest>(settings);
          }};
}

}  // namespace daybook::bench
