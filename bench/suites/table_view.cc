#include "daybook/table/table_view.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scratch.h"
#include "suites.h"

// A table of a million keys: how long it takes to load it from its topic, and to look one up. The
// limit has the same keys and values in a hash map of its own, made from strings in memory.

namespace daybook::bench {
namespace {

constexpr std::int64_t kKeys = 1'000'000;

std::string KeyOf(std::int64_t number) { return "key-" + std::to_string(number); }

class TableViewContest : public Contest {
 public:
  explicit TableViewContest(const Settings& settings) : settings_(settings), scratch_(settings) {
    Partition& partition = scratch_.NewTopic("table").partition(0);
    std::vector<std::string> keys;
    std::vector<Record> batch;
    for (std::int64_t i = 0; i < kKeys; ++i) keys.push_back(KeyOf(i));
    for (const std::string& key : keys) {
      batch.push_back({.key = std::string_view(key), .value = std::string_view(kValue)});
      if (batch.size() < 1'000) continue;
      Check(partition.AppendBatch(batch).status());
      batch.clear();
    }
  }

  std::vector<double> Measure() override {
    const Stopwatch load(settings_.timing);
    const auto table = Check(TableView<std::string, std::string>::Open(
        scratch_.broker(), "table", {.background = Background::kCaller}));
    Check(table->CatchUp(std::chrono::hours(1)));
    const double loaded = load.seconds();
    return {loaded, LookUp([&](const std::string& key) { return table->Get(key)->size(); })};
  }

  std::vector<double> MeasureLimit() override {
    const Stopwatch load(settings_.timing);
    absl::flat_hash_map<std::string, std::string> map;
    for (std::int64_t i = 0; i < kKeys; ++i) map.insert_or_assign(KeyOf(i), kValue);
    const double loaded = load.seconds();
    return {loaded, LookUp([&](const std::string& key) {
              const std::string value = map.find(key)->second;
              return value.size();
            })};
  }

 private:
  static constexpr const char* kValue = "the value";

  // Nanoseconds, of keys all over the table.
  template <typename Get>
  double LookUp(Get get) {
    std::vector<std::string> keys;
    for (std::int64_t i = 0; i < kKeys; ++i) keys.push_back(KeyOf(i * 7'919 % kKeys));
    const Stopwatch watch(settings_.timing);
    for (const std::string& key : keys) benchmark::DoNotOptimize(get(key));
    return 1e9 * watch.seconds() / static_cast<double>(kKeys);
  }

  const Settings settings_;
  ScratchBroker scratch_;
};

}  // namespace

Suite TableViewSuite() {
  return {"table_view_1m_keys",
          {{"table_view_1m_keys.load", "s", "limit: the map alone", {ValueAtMost(1)}},
           {"table_view_1m_keys.look_up", "ns", "limit: the same", {ValueAtMost(150)}}},
          [](const Settings& settings) { return std::make_unique<TableViewContest>(settings); }};
}

}  // namespace daybook::bench
