#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daybook/consumer_group.h"
#include "scratch.h"
#include "suites.h"

// A member reads 1,000 partitions, a record at a time, when a second one joins: how long until each
// has its half, and the longest time in which the first one, which has records to read in every
// partition that stays, was given none. The limit of that pause is the longest such time in as long
// a time before anybody joined, which is the machine's own.

namespace daybook::bench {
namespace {

constexpr int kMaxPartitions = 1000;
constexpr std::size_t kRecords = 500;  // in each
constexpr std::size_t kValueBytes = 16;
// Between two polls of the first member, so that its records last.
constexpr std::chrono::microseconds kPace{5};
// It reads so many times as many records as there are partitions before the second one joins.
constexpr std::size_t kTurnsBefore = 20;

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// The longest time between two deliveries, of those that end after `from` and not after `to`.
double LongestGap(const std::vector<Time>& deliveries, Time from, Time to) {
  Clock::duration longest{};
  for (std::size_t i = 1; i < deliveries.size(); ++i) {
    if (deliveries[i] <= from || deliveries[i] > to) continue;
    longest = std::max(longest, deliveries[i] - deliveries[i - 1]);
  }
  return std::chrono::duration<double, std::milli>(longest).count();
}

class RebalanceContest final : public Contest {
 public:
  explicit RebalanceContest(const Settings& settings)
      : settings_(settings), partitions_(std::min(kMaxPartitions, settings.partitions)) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    Fill(scratch);
    ConsumerGroup group(scratch.broker(), "bench",
                        {.batch = {.max_records = 1, .max_bytes = 1 << 20}});
    const auto first = Check(group.Join({"rebalance"}));
    const auto half = static_cast<std::size_t>(partitions_ / 2);
    std::vector<Time> deliveries;
    deliveries.reserve(static_cast<std::size_t>(partitions_) * kRecords);
    std::atomic<bool> is_ready{false};
    std::atomic<bool> stops{false};
    std::thread reader([&] {
      for (Time next = Clock::now(); !stops.load(std::memory_order_relaxed); next += kPace) {
        while (Clock::now() < next) continue;
        const RecordBatch batch = Check(first->Poll({}));
        const Time now = Clock::now();
        next = std::max(next, now - kPace);
        if (!batch.empty()) deliveries.push_back(now);
        is_ready.store(deliveries.size() >= kTurnsBefore * static_cast<std::size_t>(partitions_),
                       std::memory_order_relaxed);
      }
    });
    while (!is_ready.load()) std::this_thread::yield();
    const Time joined = Clock::now();
    const auto second = Check(group.Join({"rebalance"}));
    // It has its last one when the first one has let go of it, so that has its half, too.
    std::vector<TopicPartition> moved;
    for (; moved.size() < half; moved = second->Assignment()) Check(second->Poll({}).status());
    const Time done = Clock::now();
    stops.store(true);
    reader.join();

    normal_gap_ = LongestGap(deliveries, joined - (done - joined), joined);
    return {std::chrono::duration<double, std::milli>(done - joined).count(),
            LongestGap(deliveries, joined, Time::max())};
  }

  std::vector<double> MeasureLimit() override { return {kNoLimit, normal_gap_}; }

 private:
  void Fill(ScratchBroker& scratch) const {
    TopicOptions options;
    options.partitions = partitions_;
    options.segment_bytes = 64 << 10;
    const Topic topic = scratch.NewTopic("rebalance", options);
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    const std::vector<Record> batch(kRecords, record);
    for (int partition = 0; partition < partitions_; ++partition) {
      Check(topic.partition(partition).AppendBatch(batch).status());
    }
  }

  const Settings settings_;
  const int partitions_;
  double normal_gap_ = 0;
};

}  // namespace

Suite RebalanceSuite() {
  return {.name = "rebalance_1000_partitions",
          .rows = {{.name = "rebalance_1000_partitions", .unit = "ms", .note = "lower is better"},
                   {.name = "rebalance_1000_partitions.pause",
                    .unit = "ms",
                    .note = "longest, of who stays; the limit is the same before"}},
          .open = [](const Settings& settings) {
            return std::make_unique<RebalanceContest>(settings);
          }};
}

}  // namespace daybook::bench
