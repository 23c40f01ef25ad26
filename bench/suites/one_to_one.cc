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

class OneToOneContest final : public Contest {
 public:
  OneToOneContest(const Settings& settings, std::size_t value_bytes)
      : settings_(settings), value_bytes_(value_bytes) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("one");
    const std::int64_t records = RecordsIn(settings_.log_bytes, value_bytes_);
    Reader reader = Check(Reader::Open(scratch.broker(), "one"));

    const Stopwatch watch;
    std::thread consumer([&reader, records] { ReadAll(reader, records); });
    scratch.Fill(topic.partition(0), settings_.log_bytes, value_bytes_);
    consumer.join();
    return {1e-6 * static_cast<double>(records) / watch.seconds()};
  }

  std::vector<double> MeasureLimit() override {
    return {1e-6 / AppendSeconds(settings_, AppendMode::kAppend, value_bytes_)};
  }

 private:
  const Settings settings_;
  const std::size_t value_bytes_;
};

}  // namespace

Suite OneToOneSuite(const std::string& name, std::size_t value_bytes) {
  return {.name = name,
          .rows = {{.name = name,
                    .unit = "M/s",
                    .note = "the limit is the append with no reader",
                    .bars = {ValueAtLeast(20), RatioAtLeast(0.8)}}},
          .open = [value_bytes](const Settings& settings) {
            return std::make_unique<OneToOneContest>(settings, value_bytes);
          }};
}

}  // namespace daybook::bench
