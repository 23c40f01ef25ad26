#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// Publish and subscribe in memory, in a ring that stays in the processor's cache: one thread
// appends; one thread appends and another one reads. The limit copies as many bytes into a ring of
// the same size, faulted in before.

namespace daybook::bench {
namespace {

// The processor's own cache holds all of it.
constexpr std::int64_t kRingBytes = std::int64_t{1} << 20;

TopicOptions InMemory(WhenFull when_full) {
  TopicOptions options;
  options.storage = Storage::kMemory;
  options.memory_bytes = kRingBytes;
  options.when_full = when_full;
  return options;
}

class HotContest : public Contest {
 public:
  HotContest(const Settings& settings, std::size_t value_bytes)
      : settings_(settings), value_bytes_(value_bytes) {}

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("hot", InMemory(WhenFull::kDropOldest));
    Partition& partition = topic.partition(0);
    scratch.Fill(partition, 2 * kRingBytes, value_bytes_);
    const Stopwatch watch(settings_.timing);
    const std::int64_t records = scratch.Fill(partition, settings_.log_bytes, value_bytes_);
    return {1e-6 * static_cast<double>(records) / watch.seconds()};
  }

  std::vector<double> MeasureLimit() override {
    const std::uint64_t frame_bytes = FrameBytes(value_bytes_);
    const std::string frame(frame_bytes, 'v');
    std::vector<std::byte> ring(kRingBytes);
    const std::int64_t records = RecordsIn(settings_.log_bytes, value_bytes_);
    const Stopwatch watch(settings_.timing);
    std::byte* at = ring.data();
    for (std::int64_t i = 0; i < records; ++i) {
      std::memcpy(at, frame.data(), frame_bytes);
      benchmark::ClobberMemory();
      at += frame_bytes;
      if (at + frame_bytes > ring.data() + ring.size()) at = ring.data();
    }
    return {1e-6 * static_cast<double>(records) / watch.seconds()};
  }

 protected:
  const Settings settings_;
  const std::size_t value_bytes_;
};

class HotOneToOneContest final : public HotContest {
 public:
  using HotContest::HotContest;

  std::vector<double> Measure() override {
    ScratchBroker scratch(settings_);
    const Topic topic = scratch.NewTopic("hot", InMemory(WhenFull::kBlock));
    Reader reader = Check(Reader::Open(scratch.broker(), "hot"));
    const std::int64_t records = RecordsIn(settings_.log_bytes, value_bytes_);
    const Stopwatch watch;
    std::thread consumer([&reader, records] { ReadAll(reader, records); });
    scratch.Fill(topic.partition(0), settings_.log_bytes, value_bytes_);
    consumer.join();
    return {1e-6 * static_cast<double>(records) / watch.seconds()};
  }

  std::vector<double> MeasureLimit() override { return HotContest::Measure(); }
};

template <typename T>
Suite HotSuite(const RowName& row, std::size_t value_bytes) {
  return {.name = row.name, .rows = {row}, .open = [value_bytes](const Settings& settings) {
            return std::make_unique<T>(settings, value_bytes);
          }};
}

}  // namespace

Suite HotAppendSuite(const std::string& name, std::size_t value_bytes) {
  return HotSuite<HotContest>({.name = name,
                               .unit = "M/s",
                               .note = "a memory topic of 1 MiB, no checksum",
                               .bars = {ValueAtLeast(40), RatioAtLeast(0.4)}},
                              value_bytes);
}

Suite HotOneToOneSuite(const std::string& name, std::size_t value_bytes) {
  return HotSuite<HotOneToOneContest>(
      {.name = name,
       .unit = "M/s",
       .note = "a memory topic of 1 MiB; the limit is the append with no reader",
       .bars = {ValueAtLeast(25)}},
      value_bytes);
}

}  // namespace daybook::bench
