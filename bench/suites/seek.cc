#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "daybook/format/frame.h"
#include "scratch.h"
#include "suites.h"

// One thread reads single records at random offsets of a large partition that is in the page cache
// and was read before. The limit loads one cache line at a random place of the same files; each
// load waits for the one before, as a seek does for its own.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr std::uint64_t kLineBytes = 64;

// The first figure is the median of single operations with a clock call each, the second one the
// mean of as many without.
template <typename Operation>
std::vector<double> TimeOperations(std::int64_t count, Operation operation) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> nanos;
  nanos.reserve(static_cast<std::size_t>(count));
  auto before = Clock::now();
  for (std::int64_t i = 0; i < count; ++i) {
    operation();
    const auto now = Clock::now();
    nanos.push_back(std::chrono::duration<double, std::nano>(now - before).count());
    before = now;
  }
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) operation();
  const double mean = 1e9 * watch.seconds() / static_cast<double>(count);
  return {Quantile(nanos, 0.5), mean};
}

// By what a record is looked for.
enum class By { kOffset, kTime };

class SeekContest final : public Contest {
 public:
  SeekContest(const Settings& settings, By by)
      : by_(by), scratch_(settings), topic_(scratch_.NewTopic("seek")), seeks_(settings.seeks) {
    Partition& partition = topic_.partition(0);
    records_ = scratch_.Fill(partition, settings.seek_bytes, kValueBytes);
    maps_ = OpenSegments(scratch_.PartitionDirectory("seek"));
    for (Offset at; at < Offset(records_);) {
      const RecordBatch batch = Check(partition.Read(at));
      if (at == Offset()) first_time_ = batch.begin()->append_time;
      at = batch.next_offset();
    }
    const RecordBatch last = Check(partition.Read(Offset(records_ - 1)));
    last_time_ = last.begin()->append_time;
    for (const Map& map : maps_) {
      const std::uint64_t lines = std::min<std::uint64_t>(map.size(), kSegmentBytes) / kLineBytes;
      for (std::uint64_t line = 0; line < lines; ++line) Touch(map, line);
      lines_.push_back(lines);
    }
  }

  std::vector<double> Measure() override {
    return by_ == By::kOffset ? MeasureOffsets() : MeasureTimes();
  }

  std::vector<double> MeasureLimit() override {
    return TimeOperations(seeks_, [&] {
      const std::uint64_t at = random_() + (sum_ & 1);
      const std::size_t map = at % maps_.size();
      Touch(maps_[map], (at >> 8) % lines_[map]);
    });
  }

 private:
  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;

  std::vector<double> MeasureOffsets() {
    Partition& partition = topic_.partition(0);
    std::uniform_int_distribution<std::int64_t> any(0, records_ - 1);
    return TimeOperations(seeks_, [&] {
      const auto batch = partition.Read(Offset(any(random_)), {.max_records = 1, .max_bytes = 0});
      if (!batch.ok()) [[unlikely]]
        Check(batch.status());
      const RecordBatch& found = *batch;
      sum_ += static_cast<unsigned char>(found.begin()->value.front());
    });
  }

  std::vector<double> MeasureTimes() {
    Partition& partition = topic_.partition(0);
    std::uniform_int_distribution<std::int64_t> any(0, (last_time_ - first_time_).count());
    return TimeOperations(seeks_, [&] {
      const auto offset =
          partition.OffsetForTime(first_time_ + std::chrono::nanoseconds(any(random_)));
      if (!offset.ok()) [[unlikely]]
        Check(offset.status());
      sum_ += static_cast<std::uint64_t>(offset->value());
    });
  }

  void Touch(const Map& map, std::uint64_t line) {
    sum_ += static_cast<std::uint64_t>(map.data()[line * kLineBytes]);
    benchmark::DoNotOptimize(sum_);
  }

  const By by_;
  ScratchBroker scratch_;
  Topic topic_;
  const std::int64_t seeks_;
  std::int64_t records_ = 0;
  Timestamp first_time_;
  Timestamp last_time_;
  std::vector<Map> maps_;
  std::vector<std::uint64_t> lines_;  // of each map
  std::mt19937_64 random_{42};
  std::uint64_t sum_ = 0;
};

Suite SeekSuite(const std::string& name, By by, double most_nanos) {
  return {
      .name = name,
      .rows = {{.name = name, .unit = "ns", .note = "median", .bars = {ValueAtMost(most_nanos)}},
               {.name = name + ".mean", .unit = "ns", .note = "lower is better"}},
      .open = [by](const Settings& settings) {
        return std::make_unique<SeekContest>(settings, by);
      }};
}

}  // namespace

Suite SeekOffsetSuite() { return SeekSuite("seek_offset", By::kOffset, 1500); }
Suite SeekTimeSuite() { return SeekSuite("seek_time", By::kTime, 3000); }

}  // namespace daybook::bench
