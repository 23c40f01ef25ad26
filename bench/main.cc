#include <benchmark/benchmark.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "harness.h"
#include "profile.h"
#include "suites.h"

namespace daybook::bench {

std::vector<Suite> AllSuites() {
  const auto rate = [](const char* name, std::vector<Bar> bars) {
    return RowName{.name = name, .unit = "M/s", .note = "", .bars = std::move(bars)};
  };
  return {AppendSuite(rate("append_100b", {RatioAtLeast(0.8)}), AppendMode::kAppend, 100),
          AppendPartsSuite(),
          AppendSuite(rate("append_1k", {RatioAtLeast(0.9)}), AppendMode::kAppend, 1024),
          AppendSuite(rate("claim_commit_100b", {}), AppendMode::kClaim, 100),
          HotAppendSuite("append_100b_hot", 100),
          FourThreadsSuite(),
          BatchSuite(),
          OneToOneSuite("one_to_one_100b", 100),
          OneToOneSuite("one_to_one_1k", 1024),
          HotOneToOneSuite("one_to_one_100b_hot", 100),
          PingPongSuite(),
          LatencySuite(),
          GroupCommitSuite(),
          ScanSuite(),
          SeekOffsetSuite(),
          SeekTimeSuite(),
          OpenAfterKillSuite(),
          OpenManySuite(),
          CompressionSuite(),
          OverheadSuite(),
          CommitOffsetSuite(),
          TransactionSuite(),
          RebalanceSuite(),
          GroupRunSuite(),
          FollowIdleSuite(),
          TableViewSuite(),
          RetentionSuite()};
}

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

enum class Scale { kTiny, kQuick, kFull };

Settings SettingsFor(Scale scale, const std::string& directory) {
  Settings settings{.directory = directory,
                    .log_bytes = 4096 * kMiB,
                    .seek_bytes = 10240 * kMiB,
                    .round_trips = 300'000,
                    .seeks = 1'000'000,
                    .syncs = 2'000,
                    .partitions = 10'000,
                    .events = 20'000,
                    .idle_seconds = 4,
                    .rounds = 5};
  if (scale == Scale::kQuick) {
    settings.log_bytes = 256 * kMiB;
    settings.seek_bytes = 256 * kMiB;
    settings.round_trips = 100'000;
    settings.seeks = 200'000;
    settings.syncs = 300;
    settings.partitions = 1'000;
    settings.idle_seconds = 1;
    settings.rounds = 5;
  } else if (scale == Scale::kTiny) {
    settings.log_bytes = 2 * kMiB;
    settings.seek_bytes = 2 * kMiB;
    settings.round_trips = 100;
    settings.seeks = 1'000;
    settings.syncs = 3;
    settings.partitions = 10;
    settings.events = 500;
    settings.idle_seconds = 0.1;
    settings.rounds = 1;
  }
  return settings;
}

// The machine and how busy it is: no figure means anything without.
std::string Machine() {
  std::string cpu = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    cpu = line.substr(line.find(": ") + 2);
    break;
  }
  utsname system;
  double load[1] = {0};
  if (uname(&system) != 0 || getloadavg(load, 1) != 1) return cpu;
  return absl::StrFormat("%d cores %s, %s %s, load average %.1f",
                         std::thread::hardware_concurrency(), cpu, system.sysname, system.release,
                         load[0]);
}

// Runs the suites that have a row whose name matches, and returns those rows.
std::vector<Row> RunAll(const Settings& settings, const std::regex& filter) {
  const auto matches = [&](const RowName& name) { return std::regex_search(name.name, filter); };
  std::vector<Suite> suites = AllSuites();
  std::erase_if(suites, [&](const Suite& suite) {
    return std::none_of(suite.rows.begin(), suite.rows.end(), matches);
  });
  const bool is_terminal = isatty(STDERR_FILENO) != 0;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < suites.size(); ++i) {
    const auto progress = [&](int round, int rounds) {
      // In one line that changes; in a log, one line a suite.
      if (!is_terminal && round != 0) return;
      std::cerr << (is_terminal ? "\r\x1b[K" : "") << "[" << i + 1 << "/" << suites.size() << "] "
                << suites[i].name << ": round " << round + 1 << " of " << rounds
                << (is_terminal ? "" : "\n") << std::flush;
    };
    for (Row& row : Run(suites[i], settings, progress)) {
      if (matches(row.name)) rows.push_back(std::move(row));
    }
  }
  if (is_terminal) std::cerr << "\r\x1b[K";
  return rows;
}

// Whether all rows that match are there, each is a figure, and the file, if any, has them too.
bool RowsAreComplete(const std::vector<Row>& rows, const std::regex& filter,
                     const std::string& json) {
  std::vector<std::string> expected;
  for (const Suite& suite : AllSuites()) {
    for (const RowName& name : suite.rows) {
      if (std::regex_search(name.name, filter)) expected.push_back(name.name);
    }
  }
  std::vector<std::string> found;
  for (const Row& row : rows) {
    if (std::isfinite(row.value) && (!row.limit || *row.limit > 0)) found.push_back(row.name.name);
  }
  std::vector<std::string> written = found;
  if (!json.empty()) {
    std::ifstream file(json);
    const auto array = nlohmann::json::parse(file, nullptr, false);
    written.clear();
    if (array.is_array()) {
      for (const auto& entry : array) written.push_back(entry.value("name", ""));
    }
  }
  if (!expected.empty() && found == expected && written == expected) return true;
  std::cerr << "daybook-bench: " << expected.size() << " rows match, " << found.size()
            << " were measured, " << written.size() << " were written\n";
  return false;
}

// Every side of every contest as a benchmark of Google's, for its own options.
void RegisterContests(const Settings& settings) {
  for (const Suite& suite : AllSuites()) {
    for (const bool is_limit : {false, true}) {
      const auto run = [suite, settings, is_limit](benchmark::State& state) {
        const auto contest = suite.open(settings);
        std::vector<double> figures;
        for (auto _ : state) figures = is_limit ? contest->MeasureLimit() : contest->Measure();
        for (std::size_t i = 0; i < figures.size(); ++i) {
          if (!std::isnan(figures[i])) state.counters[suite.rows[i].name] = figures[i];
        }
      };
      benchmark::RegisterBenchmark((suite.name + (is_limit ? "/limit" : "")).c_str(), run)
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
    }
  }
}

int Main(int argc, char** argv) {
  Scale scale = Scale::kFull;
  Timing timing = Timing::kWall;
  std::string directory = DAYBOOK_BENCH_DIR;
  std::string json;
  std::string filter;
  std::string profile;
  std::uint64_t log_mebibytes = 0;
  CLI::App app(
      "Measures Daybook against what the machine can do.\n"
      "With options of Google Benchmark (--benchmark_filter=...) it runs as one.");
  app.add_flag_callback(
      "--quick", [&] { scale = Scale::kQuick; }, "smaller, in 3 minutes");
  app.add_flag_callback(
      "--tiny", [&] { scale = Scale::kTiny; }, "only to see that it runs");
  app.add_option("--json", json, "write the rows to this file, too");
  app.add_option("--filter", filter, "only rows whose names match this regular expression");
  app.add_option("--log-mib", log_mebibytes, "append so many MiB in a round");
  app.add_option("--dir", directory, "for files, emptied at the end")->capture_default_str();
  app.add_flag_callback(
      "--processor-time", [&] { timing = Timing::kProcessor; },
      "append and scan: count what the thread runs, not the time that passes");
  app.add_option("--profile", profile, "run this loop alone, for perf and callgrind")
      ->check(CLI::IsMember({"append", "append_hot", "claim", "send", "poll", "commit"}));
  app.allow_extras();
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> extras = app.remaining();
  if (const auto odd =
          std::find_if(extras.begin(), extras.end(),
                       [](const std::string& extra) { return !extra.starts_with("--benchmark_"); });
      odd != extras.end()) {
    std::cerr << "daybook-bench: there is no option " << *odd << "; see --help\n";
    return 2;
  }

  Settings settings = SettingsFor(scale, directory);
  settings.timing = timing;
  if (log_mebibytes != 0) settings.log_bytes = log_mebibytes * kMiB;
  RegisterAppendStages(settings);
  int status = 0;
  if (!profile.empty()) {
    Profile(profile, settings);
  } else if (!extras.empty()) {
    RegisterContests(settings);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  } else {
    std::regex pattern;
    try {
      pattern = std::regex(filter);
    } catch (const std::regex_error& error) {
      std::cerr << "daybook-bench: --filter " << filter << ": " << error.what() << "\n";
      return 2;
    }
    std::cout << Machine() << "\n" << std::flush;
    const std::vector<Row> rows = RunAll(settings, pattern);
    std::cout << ToTable(rows);
    if (!json.empty()) std::ofstream(json) << ToJson(rows);
    status = RowsAreComplete(rows, pattern, json) ? 0 : 1;
  }
  std::error_code ignored;
  std::filesystem::remove(directory, ignored);  // only if nothing else is in it
  return status;
}

}  // namespace
}  // namespace daybook::bench

int main(int argc, char** argv) { return daybook::bench::Main(argc, argv); }
