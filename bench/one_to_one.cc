#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// One thread appends, another one reads at the same time, until all records have arrived. The
// limit is the same append with nobody reading.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;

class OneToOneContest final : public Contest {
 public:
  explicit OneToOneContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("one");
    const std::int64_t records = RecordsIn(settings_.log_bytes, kValueBytes);
    Reader reader = Check(Reader::Open(scratch.broker(), "one"));

    const Stopwatch watch;
    std::thread consumer([&reader, records] {
      std::size_t sum = 0;
      for (std::int64_t seen = 0; seen < records;) {
        const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
        for (const RecordView& record : batch) {
          sum += static_cast<unsigned char>(record.value.front());
          ++seen;
        }
      }
      benchmark::DoNotOptimize(sum);
    });
    scratch.Fill(topic.partition(0), settings_.log_bytes, kValueBytes);
    consumer.join();
    return {1e-6 * static_cast<double>(records) / watch.seconds()};
  }

  std::vector<double> MeasureLimit() override {
    return {1e-6 / AppendSeconds(settings_, AppendMode::kAppend, kValueBytes)};
  }

 private:
  const Settings settings_;
};

}  // namespace

Suite OneToOneSuite() {
  return {
      .name = "one_to_one_100b",
      .rows = {{.name = "one_to_one_100b",
                .unit = "M/s",
                .note = "the limit is append_100b with no reader"}},
      .open = [](const Settings& settings) { return std::make_unique<OneToOneContest>(settings); }};
}

}  // namespace daybook::bench
