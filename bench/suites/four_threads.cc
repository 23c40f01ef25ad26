#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "scratch.h"
#include "suites.h"

// Four threads append to one partition, and for the limit one thread alone. The latencies are those
// of single appends among the four, with a clock call each.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr int kThreads = 4;

// Appends that many records from each of `threads` threads; seconds. If `nanos` is given, it gets
// what each append of the first thread took.
double AppendTogether(const Settings& settings, int threads, std::int64_t records_each,
                      std::vector<double>* nanos) {
  ScratchBroker scratch(settings);
  const Topic topic = scratch.NewTopic("threads");
  Partition& partition = topic.partition(0);
  const std::string value(kValueBytes, 'v');
  Record record;
  record.value = value;
  WarmMemory memory(static_cast<std::uint64_t>(records_each) * FrameBytes(kValueBytes) *
                    static_cast<std::uint64_t>(threads));
  const std::uint64_t bytes = FrameBytes(kValueBytes) * static_cast<std::uint64_t>(threads);
  Check(partition.Append(record).status());  // opens it

  const auto append = [&](bool is_first) {
    using Clock = std::chrono::steady_clock;
    auto before = Clock::now();
    for (std::int64_t i = 0; i < records_each; ++i) {
      if (is_first) memory.Filled(static_cast<std::uint64_t>(i) * bytes);
      const auto offset = partition.Append(record);
      if (!offset.ok()) [[unlikely]]
        Check(offset.status());
      if (nanos == nullptr || !is_first) continue;
      const auto now = Clock::now();
      nanos->push_back(std::chrono::duration<double, std::nano>(now - before).count());
      before = now;
    }
  };
  const Stopwatch watch;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&append] { append(false); });
  append(true);
  for (std::thread& other : others) other.join();
  return watch.seconds();
}

class FourThreadsContest final : public Contest {
 public:
  explicit FourThreadsContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    const std::int64_t records = RecordsIn(settings_.log_bytes, kValueBytes);
    const double seconds = AppendTogether(settings_, kThreads, records / kThreads, nullptr);
    std::vector<double> nanos;
    AppendTogether(settings_, kThreads, records / kThreads / 8, &nanos);
    return {1e-6 * static_cast<double>(records) / seconds, Quantile(nanos, 0.999)};
  }
  std::vector<double> MeasureLimit() override {
    const std::int64_t records = RecordsIn(settings_.log_bytes, kValueBytes);
    return {1e-6 * static_cast<double>(records) / AppendTogether(settings_, 1, records, nullptr),
            kNoLimit};
  }

 private:
  const Settings settings_;
};

}  // namespace

Suite FourThreadsSuite() {
  return {.name = "append_four_threads",
          .rows = {{.name = "append_four_threads",
                    .unit = "M/s",
                    .note = "in total; the limit is one thread",
                    .bars = {RatioAtLeast(1)}},
                   {.name = "append_four_threads.p999",
                    .unit = "ns",
                    .note = "",
                    .bars = {ValueAtMost(50'000)}}},
          .open = [](const Settings& settings) {
            return std::make_unique<FourThreadsContest>(settings);
          }};
}

}  // namespace daybook::bench
