#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scratch.h"
#include "suites.h"

// One thread appends to one partition, in fresh file pages. The limit copies as many bytes into
// the same kind of files, and does nothing else.

namespace daybook::bench {
namespace {

void AppendAll(Partition& partition, const std::string& value, std::int64_t records,
               WarmMemory& memory) {
  Record record;
  record.value = value;
  const std::uint64_t bytes = FrameBytes(value.size());
  for (std::int64_t i = 0; i < records; ++i) {
    memory.Filled(static_cast<std::uint64_t>(i) * bytes);
    const auto offset = partition.Append(record);
    if (!offset.ok()) [[unlikely]]
      Check(offset.status());
  }
}

void ClaimAll(Partition& partition, const std::string& value, std::int64_t records,
              WarmMemory& memory) {
  ClaimOptions options;
  options.value_bytes = value.size();
  const std::uint64_t bytes = FrameBytes(value.size());
  for (std::int64_t i = 0; i < records; ++i) {
    memory.Filled(static_cast<std::uint64_t>(i) * bytes);
    auto claim = partition.Claim(options);
    if (!claim.ok()) [[unlikely]]
      Check(claim.status());
    std::memcpy(claim->value().data(), value.data(), value.size());
    std::move(*claim).Commit();
  }
}

class AppendContest final : public Contest {
 public:
  AppendContest(const Settings& settings, AppendMode mode, std::size_t value_bytes)
      : settings_(settings), mode_(mode), value_bytes_(value_bytes) {}

  std::vector<double> Measure() override {
    return {1e-6 / AppendSeconds(settings_, mode_, value_bytes_)};
  }
  std::vector<double> MeasureLimit() override {
    return {1e-6 / CopySeconds(settings_, value_bytes_)};
  }

 private:
  const Settings settings_;
  const AppendMode mode_;
  const std::size_t value_bytes_;
};

}  // namespace

double AppendSeconds(const Settings& settings, AppendMode mode, std::size_t value_bytes) {
  ScratchBroker scratch(settings);
  const Topic topic = scratch.NewTopic("append");
  Partition& partition = topic.partition(0);
  const std::string value(value_bytes, 'v');
  const std::int64_t records = RecordsIn(settings.log_bytes, value_bytes);
  WarmMemory memory(settings.log_bytes);
  AppendAll(partition, value, 1, memory);  // opens it

  const Stopwatch watch(settings.timing);
  if (mode == AppendMode::kAppend) {
    AppendAll(partition, value, records, memory);
  } else {
    ClaimAll(partition, value, records, memory);
  }
  return watch.seconds() / static_cast<double>(records);
}

double CopySeconds(const Settings& settings, std::size_t value_bytes) {
  const ScratchDirectory directory(settings);
  const std::uint64_t file_bytes = static_cast<std::uint64_t>(TopicOptions().segment_bytes);
  const std::uint64_t frame_bytes = FrameBytes(value_bytes);
  const std::string frame(frame_bytes, 'v');
  std::int64_t left = RecordsIn(settings.log_bytes, value_bytes);
  const auto records = static_cast<double>(left);
  std::vector<Map> maps;  // a log keeps its segments mapped, too

  WarmMemory memory(settings.log_bytes);
  const Stopwatch watch(settings.timing);
  while (left > 0) {
    maps.push_back(Map::Create(absl::StrCat(directory.path(), "/", maps.size()), file_bytes));
    const std::int64_t fit = std::min(left, static_cast<std::int64_t>(file_bytes / frame_bytes));
    std::byte* at = maps.back().data();
    const std::uint64_t filled = (maps.size() - 1) * file_bytes;
    for (std::int64_t i = 0; i < fit; ++i, at += frame_bytes) {
      memory.Filled(filled + static_cast<std::uint64_t>(i) * frame_bytes);
      std::memcpy(at, frame.data(), frame_bytes);
      benchmark::ClobberMemory();
    }
    left -= fit;
  }
  return watch.seconds() / records;
}

Suite AppendSuite(const RowName& row, AppendMode mode, std::size_t value_bytes) {
  return {.name = row.name, .rows = {row}, .open = [mode, value_bytes](const Settings& settings) {
            return std::make_unique<AppendContest>(settings, mode, value_bytes);
          }};
}

}  // namespace daybook::bench
