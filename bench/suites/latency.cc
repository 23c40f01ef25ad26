#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// One thread sends 40 bytes every microsecond, another one receives them. The time counts from when
// a record should have been sent, not from when it was: a stall delays all that come after it
// (coordinated omission, as Gil Tene named it). The limit hands the numbers over in one cache line.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 40;
constexpr std::int64_t kInterval = 1000;  // nanoseconds

std::int64_t Now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

class LatencyContest final : public Contest {
 public:
  explicit LatencyContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("latency");
    Partition& partition = topic.partition(0);
    Reader reader = Check(Reader::Open(scratch.broker(), "latency"));
    // So many first, until both threads run and the files are open.
    const std::int64_t warm_up = settings_.round_trips / 2;
    const std::int64_t records = warm_up + 3 * settings_.round_trips;
    WarmMemory memory(static_cast<std::uint64_t>(records) * FrameBytes(kValueBytes));
    std::vector<double> nanos;
    nanos.reserve(static_cast<std::size_t>(records));

    std::thread receiver([&] {
      for (std::int64_t seen = 0; seen < records;) {
        const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
        const std::int64_t now = Now();
        for (const RecordView& record : batch) {
          std::int64_t due;
          std::memcpy(&due, record.value.data(), sizeof due);
          if (seen++ >= warm_up) nanos.push_back(static_cast<double>(now - due));
        }
      }
    });
    std::array<char, kValueBytes> value{};
    Record record;
    record.value = std::string_view(value.data(), value.size());
    const std::int64_t start = Now();
    for (std::int64_t i = 0; i < records; ++i) {
      const std::int64_t due = start + i * kInterval;
      while (Now() < due) continue;
      std::memcpy(value.data(), &due, sizeof due);
      const auto offset = partition.Append(record);
      if (!offset.ok()) [[unlikely]]
        Check(offset.status());
    }
    receiver.join();
    return {Quantile(nanos, 0.5), Quantile(nanos, 0.99), Quantile(nanos, 0.999)};
  }

  std::vector<double> MeasureLimit() override {
    // Each number in its turn through one cache line; a stall of either thread shows here, too.
    alignas(64) std::atomic<std::int64_t> line{0};
    const std::int64_t records = 3 * settings_.round_trips;
    std::vector<double> nanos;
    nanos.reserve(static_cast<std::size_t>(records));
    const std::int64_t start = Now() + 1'000'000;
    std::thread receiver([&] {
      for (std::int64_t seen = 0; seen < records;) {
        const std::int64_t sent = line.load(std::memory_order_acquire);
        if (sent == seen) continue;
        const std::int64_t now = Now();
        for (; seen < sent; ++seen)
          nanos.push_back(static_cast<double>(now - start - seen * kInterval));
      }
    });
    for (std::int64_t i = 0; i < records; ++i) {
      while (Now() < start + i * kInterval) continue;
      line.store(i + 1, std::memory_order_release);
    }
    receiver.join();
    return {Quantile(nanos, 0.5), Quantile(nanos, 0.99), Quantile(nanos, 0.999)};
  }

 private:
  const Settings settings_;
};

}  // namespace

Suite LatencySuite() {
  return {
      .name = "latency_1m_per_s",
      .rows =
          {{.name = "latency_1m_per_s.p50", .unit = "ns", .note = ""},
           {.name = "latency_1m_per_s", .unit = "ns", .note = "p99", .bars = {ValueAtMost(1000)}},
           {.name = "latency_1m_per_s.p999",
            .unit = "ns",
            .note = "",
            .bars = {ValueAtMost(10'000)}}},
      .open = [](const Settings& settings) { return std::make_unique<LatencyContest>(settings); }};
}

}  // namespace daybook::bench
