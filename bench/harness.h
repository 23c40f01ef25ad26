#ifndef DAYBOOK_BENCH_HARNESS_H_
#define DAYBOOK_BENCH_HARNESS_H_

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// A benchmark here is a contest: the library against its limit, which is what the machine itself
// can do at best of the same work. The page cache of a virtual machine drifts by a factor of two
// within minutes, so a figure means little alone: both sides run in turns, and their medians are
// compared.

namespace daybook::bench {

// What a stopwatch counts.
enum class Timing {
  kWall,       // the time that passes
  kProcessor,  // what the calling thread runs: for work of one thread on a machine that is busy
};

struct Settings {
  std::string directory;          // for files; on the file system that is to be measured
  std::uint64_t log_bytes = 0;    // appended in one round
  std::uint64_t seek_bytes = 0;   // in the partition that is read at random, and that is opened
  std::int64_t round_trips = 0;   // in one round
  std::int64_t seeks = 0;         // in one round
  std::int64_t syncs = 0;         // in one round of the limit of group commit
  int partitions = 0;             // that are opened
  std::size_t events = 0;         // real ones, of each kind
  double idle_seconds = 0;        // that somebody waits for nothing, in one round
  int rounds = 0;                 // of either side
  Timing timing = Timing::kWall;  // of the suites with one thread
};

// What a row is asked to reach, of its value or of the ratio to its limit.
struct Bar {
  enum class Of { kValue, kRatio };
  enum class Side { kAtLeast, kAtMost };
  Of of = Of::kRatio;
  Side side = Side::kAtLeast;
  double bound = 0;
};
inline Bar ValueAtLeast(double bound) { return {Bar::Of::kValue, Bar::Side::kAtLeast, bound}; }
inline Bar ValueAtMost(double bound) { return {Bar::Of::kValue, Bar::Side::kAtMost, bound}; }
inline Bar RatioAtLeast(double bound) { return {Bar::Of::kRatio, Bar::Side::kAtLeast, bound}; }
inline Bar RatioAtMost(double bound) { return {Bar::Of::kRatio, Bar::Side::kAtMost, bound}; }

// What is said of a row beside its figures.
struct RowName {
  std::string name;
  std::string unit;
  std::string note = {};
  std::vector<Bar> bars = {};  // any of them; none: only told
};

struct Row {
  RowName name;
  double value = 0;
  std::optional<double> limit;

  bool holds() const;  // one of its bars
};

inline constexpr double kNoLimit = std::numeric_limits<double>::quiet_NaN();

// The two sides. Each call is one round and returns one figure for each row of the suite.
class Contest {
 public:
  virtual ~Contest() = default;
  virtual std::vector<double> Measure() = 0;
  // kNoLimit where a row has nothing to compare with.
  virtual std::vector<double> MeasureLimit() = 0;
};

struct Suite {
  std::string name;
  std::vector<RowName> rows;
  std::function<std::unique_ptr<Contest>(const Settings&)> open;
};

// Told before each round: which one of how many.
using Progress = std::function<void(int round, int rounds)>;

// Runs both sides in turns, `settings.rounds` times each.
std::vector<Row> Run(const Suite& suite, const Settings& settings, const Progress& progress);

// In the order in which they are run.
std::vector<Suite> AllSuites();

// As a JSON array of {"name", "value", "unit", "limit", "ratio", "note"}, and as aligned text.
std::string ToJson(const std::vector<Row>& rows);
std::string ToTable(const std::vector<Row>& rows);

// --- For the suites ------------------------------------------------------------------------------

// The middle one, or the mean of the two in the middle. Not empty.
double Median(std::vector<double> values);
// The smallest value that is not below the share `quantile` of all. Not empty.
double Quantile(std::vector<double>& values, double quantile);

class Stopwatch {
 public:
  explicit Stopwatch(Timing timing = Timing::kWall) : timing_(timing), start_(Now()) {}
  double seconds() const { return Now() - start_; }

 private:
  double Now() const {
    timespec now{};
    clock_gettime(timing_ == Timing::kWall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }

  Timing timing_;
  double start_;
};

// A benchmark has nobody to report errors to.
inline void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "daybook-bench: " << status << std::endl;
  std::exit(1);
}
template <typename T>
T Check(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

}  // namespace daybook::bench

#endif  // DAYBOOK_BENCH_HARNESS_H_
