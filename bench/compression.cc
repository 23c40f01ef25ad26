#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "log/verify.h"
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

class CompressionContest final : public Contest {
 public:
  explicit CompressionContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    std::vector<double> figures;
    raw_.clear();
    for (const Events& events : AllEvents()) {
      const std::vector<std::string> lines = Lines(events.path, settings_.events);
      double raw = 0;
      for (const std::string& line : lines) raw += static_cast<double>(line.size());
      raw_.push_back(raw);
      for (const bool with_dictionary : {false, true}) {
        for (const int batch : kBatches) Measure(lines, batch, with_dictionary, raw, &figures);
      }
    }
    return figures;
  }

  std::vector<double> MeasureLimit() override {
    std::vector<double> limits;
    for (std::size_t i = 0; i < raw_.size(); ++i) {
      const std::size_t records = Lines(AllEvents()[i].path, settings_.events).size();
      for (int n = 0; n < 6; ++n) {
        limits.push_back(raw_[i] / static_cast<double>(records));
        limits.push_back(kNoLimit);
      }
    }
    return limits;
  }

 private:
  // Bytes a record, and MB/s of raw bytes.
  void Measure(const std::vector<std::string>& lines, int batch, bool with_dictionary, double raw,
               std::vector<double>* figures) {
    ScratchBroker scratch(settings_, {.background = Background::kCaller});
    Check(scratch.broker().CreateTopic(
        "packed", {.max_record_bytes = 4 << 20,  // for a hundred webhooks
                   .compression = Compression::kZstd,
                   .dictionary_bytes = with_dictionary ? std::int64_t{16} << 10 : 0}));
    const Topic topic = Check(scratch.broker().OpenTopic("packed"));
    std::uint64_t before = 0;
    if (with_dictionary) {
      AppendLines(topic.partition(0), lines, 100);
      Check(scratch.broker().RunBackgroundWork());  // trains
      before = FrameBytesOf(scratch, "packed");
    }
    const Stopwatch watch(Timing::kProcessor);
    AppendLines(topic.partition(0), lines, batch);
    const double seconds = watch.seconds();
    const auto bytes = static_cast<double>(FrameBytesOf(scratch, "packed") - before);
    figures->push_back(bytes / static_cast<double>(lines.size()));
    figures->push_back(1e-6 * raw / seconds);
  }

  const Settings settings_;
  std::vector<double> raw_;
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
    for (const bool with_dictionary : {false, true}) {
      for (const int batch : kBatches) {
        RowName row{.name = absl::StrCat("zstd_", events.name, with_dictionary ? ".dictionary" : "",
                                         ".", batch),
                    .unit = "B",
                    .note = "a record; the limit is raw",
                    .bars = {}};
        if (with_dictionary && batch == 1) {
          row.bars = {RatioAtMost(events.name == "flights" ? 0.5 : 0.16)};
        }
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
