#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "log/check/verify.h"
#include "scratch.h"
#include "suites.h"

// Real events, compressed one by one and in batches of 10 and 100, with a dictionary of the topic's
// own and without: bytes a record in the file, all that is around it included, against its bytes
// raw; and the bytes that a frame adds to a record that is not compressed.

namespace daybook::bench {
namespace {

constexpr std::array<int, 3> kBatches = {1, 10, 100};

// Of a file of one event a line.
std::vector<std::string> Lines(const std::string& path, std::size_t most) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; lines.size() < most && std::getline(file, line);) lines.push_back(line);
  return lines;
}

// What stands in the files of a partition.
std::uint64_t FrameBytesOf(ScratchBroker& scratch, const std::string& topic) {
  const auto directory = Check(FileSystem::Posix().OpenDirectory(scratch.PartitionDirectory(topic),
                                                                 DirectoryMode::kMustExist));
  std::uint64_t bytes = 0;
  for (const auto& segment : Check(VerifyPartition(*directory, {})).segments) {
    bytes += segment.frame_bytes;
  }
  return bytes;
}

void AppendLines(Partition& partition, const std::vector<std::string>& lines, int batch) {
  std::vector<Record> records;
  for (const std::string& line : lines) {
    records.emplace_back().value = line;
    if (static_cast<int>(records.size()) < batch) continue;
    Check(partition.AppendBatch(records).status());
    records.clear();
  }
  if (!records.empty()) Check(partition.AppendBatch(records).status());
}

struct Events {
  std::string name;
  std::string path;
};
// Those that are on this machine: the flights are fetched (scripts/fetch-flights).
std::vector<Events> AllEvents() {
  std::vector<Events> events = {
      {"webhooks", DAYBOOK_SOURCE_DIR "/examples/data/github_webhooks.ndjson"},
      {"flights", DAYBOOK_SOURCE_DIR "/build/data/flights-20k.ndjson"}};
  std::erase_if(events, [](const Events& one) { return !std::filesystem::exists(one.path); });
  return events;
}

// For each kind of events: without a dictionary by batch, then with one by batch; bytes a record
// and MB/s of raw bytes. Dictionaries are trained from the first half of the events, and all are
// measured with the second.
class CompressionContest final : public Contest {
 public:
  explicit CompressionContest(const Settings& settings) : settings_(settings) {
    for (const Events& events : AllEvents()) {
      const std::vector<std::string> lines = Lines(events.path, settings.events);
      const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
      events_.push_back({{lines.begin(), middle}, {middle, lines.end()}, 0});
      for (const std::string& line : events_.back().measured) {
        events_.back().raw_bytes += static_cast<double>(line.size());
      }
    }
  }

  std::vector<double> Measure() override {
    figures_.clear();
    for (const Halves& halves : events_) {
      for (const bool with_dictionary : {false, true}) {
        for (const int batch : kBatches) Measure(halves, batch, with_dictionary);
      }
    }
    return figures_;
  }

  // Of a row without a dictionary: raw bytes. With one: what the bars compare it with, which is the
  // same batch without, and for a batch of 10 a batch of 100.
  std::vector<double> MeasureLimit() override {
    std::vector<double> limits(figures_.size(), kNoLimit);
    const std::size_t rows = 2 * kBatches.size();  // of one table
    for (std::size_t kind = 0; kind < events_.size(); ++kind) {
      const std::size_t plain = 2 * rows * kind;
      const std::size_t with = plain + rows;
      for (std::size_t i = 0; i < rows; i += 2) {
        limits[plain + i] =
            events_[kind].raw_bytes / static_cast<double>(events_[kind].measured.size());
      }
      limits[with] = figures_[plain];
      limits[with + 2] = figures_[plain + 4];
      limits[with + 4] = figures_[plain + 4];
    }
    return limits;
  }

 private:
  struct Halves {
    std::vector<std::string> trained;
    std::vector<std::string> measured;
    double raw_bytes = 0;  // of the measured ones
  };

  void Measure(const Halves& halves, int batch, bool with_dictionary) {
    ScratchBroker scratch(settings_, {.background = Background::kCaller});
    Check(scratch.broker().CreateTopic(
        "packed", {.max_record_bytes = 4 << 20,  // for a hundred webhooks
                   .compression = Compression::kZstd,
                   .dictionary_bytes = with_dictionary ? std::int64_t{16} << 10 : 0}));
    const Topic topic = Check(scratch.broker().OpenTopic("packed"));
    std::uint64_t before = 0;
    if (with_dictionary) {
      AppendLines(topic.partition(0), halves.trained, 100);
      Check(scratch.broker().RunBackgroundWork());  // trains
      before = FrameBytesOf(scratch, "packed");
    }
    const Stopwatch watch(Timing::kProcessor);
    AppendLines(topic.partition(0), halves.measured, batch);
    const double seconds = watch.seconds();
    const auto bytes = static_cast<double>(FrameBytesOf(scratch, "packed") - before);
    figures_.push_back(bytes / static_cast<double>(halves.measured.size()));
    figures_.push_back(1e-6 * halves.raw_bytes / seconds);
  }

  const Settings settings_;
  std::vector<Halves> events_;
  std::vector<double> figures_;
};

class OverheadContest final : public Contest {
 public:
  explicit OverheadContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    constexpr int kRecords = 10'000;
    constexpr std::size_t kBytes = 100;
    const std::vector<std::string> lines(kRecords, std::string(kBytes, 'v'));
    std::vector<double> figures;
    for (const int batch : {1, 100}) {
      ScratchBroker scratch(settings_);
      const Topic topic = scratch.NewTopic("overhead");
      if (batch == 1) {
        scratch.Fill(topic.partition(0), kRecords * FrameBytes(kBytes), kBytes);
      } else {
        AppendLines(topic.partition(0), lines, batch);
      }
      figures.push_back(static_cast<double>(FrameBytesOf(scratch, "overhead")) / kRecords - kBytes);
    }
    return figures;
  }
  std::vector<double> MeasureLimit() override { return {kNoLimit, kNoLimit}; }

 private:
  const Settings settings_;
};

}  // namespace

Suite CompressionSuite() {
  std::vector<RowName> rows;
  for (const Events& events : AllEvents()) {
    const bool are_flights = events.name == "flights";
    for (const bool with_dictionary : {false, true}) {
      for (const int batch : kBatches) {
        RowName row{.name = absl::StrCat("zstd_", events.name, with_dictionary ? ".dictionary" : "",
                                         ".", batch),
                    .unit = "B",
                    .note = with_dictionary
                                ? absl::StrCat("a record; the limit is without, in batches of ",
                                               batch == 1 ? 1 : 100)
                                : "a record; the limit is raw",
                    .bars = {}};
        if (with_dictionary && batch == 1) row.bars = {RatioAtMost(are_flights ? 0.5 : 2.0 / 3)};
        if (with_dictionary && batch == 10 && are_flights) row.bars = {RatioAtMost(1.25)};
        rows.push_back(row);
        rows.push_back({.name = row.name + ".rate", .unit = "MB/s", .note = "of raw bytes"});
      }
    }
  }
  return {.name = "zstd", .rows = std::move(rows), .open = [](const Settings& settings) {
            return std::make_unique<CompressionContest>(settings);
          }};
}

Suite OverheadSuite() {
  return {
      .name = "overhead",
      .rows = {{.name = "overhead", .unit = "B", .note = "a record", .bars = {ValueAtMost(32)}},
               {.name = "overhead.batch_100",
                .unit = "B",
                .note = "a record",
                .bars = {ValueAtMost(12)}}},
      .open = [](const Settings& settings) { return std::make_unique<OverheadContest>(settings); }};
}

}  // namespace daybook::bench
