#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// A record goes to another thread through one topic, and that thread's answer comes back through a
// second one. The limit is the same with a number that two spinning threads hand each other in one
// cache line.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
// A round that is not through by then, on a machine with better things to do, ends early.
constexpr double kLongestRound = 3;

// Times `trip` so often, and returns the median, the 99th and the 99.9th percentile.
template <typename Trip>
std::vector<double> TimeTrips(std::int64_t count, Trip trip) {
  using Clock = std::chrono::steady_clock;
  const Stopwatch round;
  for (std::int64_t i = 0; i < count / 10 && round.seconds() < kLongestRound / 2; ++i) trip();
  std::vector<double> nanos;
  nanos.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count && round.seconds() < kLongestRound; ++i) {
    const auto before = Clock::now();
    trip();
    nanos.push_back(std::chrono::duration<double, std::nano>(Clock::now() - before).count());
  }
  return {Quantile(nanos, 0.5), Quantile(nanos, 0.99), Quantile(nanos, 0.999)};
}

// Waits for a record; whether its value is empty, which says that this was the last one.
bool AwaitLast(Reader& reader) {
  for (;;) {
    const RecordBatch batch = Check(reader.Poll(std::chrono::seconds(1)));
    if (!batch.empty()) return batch.begin()->value.empty();
  }
}

class PingPongContest final : public Contest {
 public:
  explicit PingPongContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    WarmMemory memory(2 * static_cast<std::uint64_t>(settings_.round_trips) *
                      FrameBytes(kValueBytes));
    ScratchBroker scratch(settings_);
    const Topic ping = scratch.NewTopic("ping");
    const Topic pong = scratch.NewTopic("pong");
    Reader pings = Check(Reader::Open(scratch.broker(), "ping"));
    Reader pongs = Check(Reader::Open(scratch.broker(), "pong"));
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;

    std::thread other([&] {
      while (!AwaitLast(pings)) Check(pong.partition(0).Append(record).status());
    });
    auto figures = TimeTrips(settings_.round_trips, [&] {
      Check(ping.partition(0).Append(record).status());
      AwaitLast(pongs);
    });
    Record last;
    last.value = "";
    Check(ping.partition(0).Append(last).status());
    other.join();
    return figures;
  }

  std::vector<double> MeasureLimit() override {
    // Odd: to be answered by the next even number. Zero: the last one.
    alignas(64) std::atomic<std::int64_t> line{2};
    std::thread other([&line] {
      std::int64_t seen = 2;
      for (;;) {
        std::int64_t now;
        while ((now = line.load(std::memory_order_acquire)) == seen) continue;
        if (now == 0) return;
        seen = now + 1;
        line.store(seen, std::memory_order_release);
      }
    });
    std::int64_t next = 3;
    auto figures = TimeTrips(settings_.round_trips, [&] {
      line.store(next, std::memory_order_release);
      while (line.load(std::memory_order_acquire) == next) continue;
      next += 2;
    });
    line.store(0, std::memory_order_release);
    other.join();
    return figures;
  }

 private:
  const Settings settings_;
};

}  // namespace

Suite PingPongSuite() {
  constexpr char kNote[] = "lower is better";
  return {
      .name = "ping_pong",
      .rows =
          {{.name = "ping_pong", .unit = "ns", .note = "median", .bars = {RatioAtMost(3)}},
           {.name = "ping_pong.p99", .unit = "ns", .note = kNote},
           {.name = "ping_pong.p999", .unit = "ns", .note = kNote, .bars = {ValueAtMost(5000)}}},
      .open = [](const Settings& settings) { return std::make_unique<PingPongContest>(settings); }};
}

}  // namespace daybook::bench
