#include <benchmark/benchmark.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "daybook/format/frame.h"
#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// A reader reads a partition from its beginning to its end, verifies every record and touches its
// value; the files are in the page cache. The limit hashes the same bytes of the same files.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;

class ScanContest final : public Contest {
 public:
  explicit ScanContest(const Settings& settings) : scratch_(settings), timing_(settings.timing) {
    const Topic topic = scratch_.NewTopic("scan");
    records_ = scratch_.Fill(topic.partition(0), settings.log_bytes, kValueBytes);
  }

  std::vector<double> Measure() override {
    scratch_.Reopen();  // nothing is known to be good
    Reader reader = Check(Reader::Open(scratch_.broker(), "scan"));
    std::int64_t seen = 0;
    std::size_t sum = 0;
    const Stopwatch watch(timing_);
    while (seen < records_) {
      const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
      for (const RecordView& record : batch) {
        sum += static_cast<unsigned char>(record.value.front());
        ++seen;
      }
    }
    benchmark::DoNotOptimize(sum);
    return {1e-6 * static_cast<double>(records_) / watch.seconds()};
  }

  std::vector<double> MeasureLimit() override {
    const std::vector<Map> maps = OpenSegments(scratch_.PartitionDirectory("scan"));
    std::int64_t seen = 0;
    std::uint64_t sum = 0;
    const Stopwatch watch(timing_);
    for (const Map& map : maps) {
      const std::byte* at = map.data() + frame::kSegmentHeaderBytes;
      const std::byte* end = map.data() + map.size();
      while (at != end) {
        const std::uint32_t word = frame::AcquireLengthWord(at);
        if (word == 0 || frame::KindOf(word) != frame::Kind::kRecord) break;
        sum += Hash64(std::span(at, frame::LengthOf(word)));
        at += frame::AlignedLength(frame::LengthOf(word));
        ++seen;
      }
    }
    benchmark::DoNotOptimize(sum);
    if (seen != records_) Check(absl::InternalError("the limit has seen other records"));
    return {1e-6 * static_cast<double>(records_) / watch.seconds()};
  }

 private:
  ScratchBroker scratch_;
  const Timing timing_;
  std::int64_t records_ = 0;
};

}  // namespace

Suite ScanSuite() {
  return {.name = "scan_100b",
          .rows = {{.name = "scan_100b",
                    .unit = "M/s",
                    .note = "",
                    .bars = {ValueAtLeast(60), RatioAtLeast(0.5)}}},
          .open = [](const Settings& settings) { return std::make_unique<ScanContest>(settings); }};
}

}  // namespace daybook::bench
