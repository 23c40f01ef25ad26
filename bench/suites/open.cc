#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scratch.h"
#include "suites.h"

// What it takes to open a data directory: after a kill in the middle of appends, with a tenth of
// the data as the limit, since the cost should not follow the data; and with many partitions.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr int kPartitions = 4;

// Fills a directory of its own in another process, which is killed while it goes on.
class KilledDirectory {
 public:
  KilledDirectory(const Settings& settings, std::uint64_t bytes) : directory_(settings) {
    int ready[2];
    if (pipe(ready) != 0) Check(absl::ErrnoToStatus(errno, "pipe"));
    const pid_t child = fork();
    if (child < 0) Check(absl::ErrnoToStatus(errno, "fork"));
    if (child == 0) FillForever(bytes, ready[1]);
    char byte = 0;
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) Check(absl::InternalError("the filling process failed"));
    close(ready[0]);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }

  // Opens it and asks each partition where it ends. Once: the second time it was closed cleanly.
  double OpenMillis() {
    const Stopwatch watch;
    const auto broker = Check(Broker::Open(path(), {}));
    const Topic topic = Check(broker->OpenTopic("orders"));
    for (int id = 0; id < kPartitions; ++id) Check(topic.partition(id).end_offset().status());
    return 1e3 * watch.seconds();
  }

 private:
  std::string path() const { return directory_.path() + "/broker"; }

  [[noreturn]] void FillForever(std::uint64_t bytes, int ready) {
    const auto broker = Check(Broker::Open(path(), {}));
    Check(broker->CreateTopic("orders", {.partitions = kPartitions}));
    const Topic topic = Check(broker->OpenTopic("orders"));
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    const std::int64_t enough = RecordsIn(bytes, kValueBytes);
    for (std::int64_t i = 0;; ++i) {
      Check(topic.partition(static_cast<int>(i % kPartitions)).Append(record).status());
      if (i == enough && write(ready, "r", 1) != 1) _exit(1);
    }
  }

  ScratchDirectory directory_;
};

class OpenAfterKillContest final : public Contest {
 public:
  explicit OpenAfterKillContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override {
    const double millis = KilledDirectory(settings_, settings_.seek_bytes).OpenMillis();
    return {millis, millis};
  }
  std::vector<double> MeasureLimit() override {
    const double millis = KilledDirectory(settings_, settings_.seek_bytes / 10).OpenMillis();
    return {kNoLimit, millis};
  }

 private:
  const Settings settings_;
};

// What the process has in memory, less what the allocator only keeps.
double ResidentMebibytes() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  double shared = 0;
  statm >> pages >> resident >> shared;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double Descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<double>(std::distance(begin(all), end(all)));
}

class OpenManyContest final : public Contest {
 public:
  explicit OpenManyContest(const Settings& settings) : settings_(settings), scratch_(settings) {
    Check(scratch_.broker().CreateTopic("many", {.partitions = settings.partitions}));
    const Topic topic = Check(scratch_.broker().OpenTopic("many"));
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    for (int id = 0; id < settings.partitions; ++id) {
      Check(topic.partition(id).Append(record).status());
    }
  }

  std::vector<double> Measure() override {
    scratch_.Close();
    const double resident = ResidentMebibytes();
    const double descriptors = Descriptors();
    const Stopwatch watch;
    scratch_.Reopen();
    const Topic topic = Check(scratch_.broker().OpenTopic("many"));
    for (int id = 0; id < settings_.partitions; ++id) {
      if (Check(topic.partition(id).end_offset()) == Offset(0)) {
        Check(absl::DataLossError(absl::StrCat("partition ", id, " is empty")));
      }
    }
    return {watch.seconds(), ResidentMebibytes() - resident, Descriptors() - descriptors};
  }
  std::vector<double> MeasureLimit() override { return {kNoLimit, kNoLimit, kNoLimit}; }

 private:
  const Settings settings_;
  ScratchBroker scratch_;
};

}  // namespace

Suite OpenAfterKillSuite() {
  return {
      .name = "open_after_kill",
      .rows = {{.name = "open_after_kill", .unit = "ms", .note = "", .bars = {ValueAtMost(100)}},
               {.name = "open_after_kill.growth",
                .unit = "ms",
                .note = "the limit has a tenth of the data",
                .bars = {RatioAtMost(2)}}},
      .open = [](const Settings& settings) {
        return std::make_unique<OpenAfterKillContest>(settings);
      }};
}

Suite OpenManySuite() {
  return {
      .name = "open_10k_partitions",
      .rows = {{.name = "open_10k_partitions", .unit = "s", .note = "", .bars = {ValueAtMost(2)}},
               {.name = "open_10k_partitions.resident",
                .unit = "MiB",
                .note = "more than before",
                .bars = {ValueAtMost(150)}},
               {.name = "open_10k_partitions.descriptors",
                .unit = "",
                .note = "more than before",
                .bars = {ValueAtMost(1000)}}},
      .open = [](const Settings& settings) { return std::make_unique<OpenManyContest>(settings); }};
}

}  // namespace daybook::bench
