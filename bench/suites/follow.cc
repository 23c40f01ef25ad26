#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "daybook/reader.h"
#include "scratch.h"
#include "suites.h"

// What a process costs that follows the directory of another one in which nothing happens, and how
// soon it sees what comes all the same.

namespace daybook::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kPartitions = 100;
constexpr int kAppends = 20;
constexpr std::chrono::milliseconds kLongPoll{1'000};
constexpr std::chrono::milliseconds kShortPoll{100};
// By then a follower idles again.
constexpr std::chrono::milliseconds kPauseBetweenAppends{53};

struct Figures {
  double percent_of_long_polls = 0;
  double percent_of_short_polls = 0;
  double longest_millis = 0;
};

// Of this process, in all its threads.
double ProcessorSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double IdlePercent(Reader& reader, double seconds, std::chrono::milliseconds poll) {
  Check(reader.Poll(poll).status());  // from here on it idles
  const double before = ProcessorSeconds();
  const Stopwatch watch;
  while (watch.seconds() < seconds) {
    if (!Check(reader.Poll(poll)).empty()) Check(absl::InternalError("nobody appends"));
  }
  return 100 * (ProcessorSeconds() - before) / watch.seconds();
}

// Each value is when it was appended.
double LongestMillis(Reader& reader) {
  double longest = 0;
  for (int seen = 0; seen < kAppends;) {
    const RecordBatch batch = Check(reader.Poll(kLongPoll));
    const auto now = Steady::now().time_since_epoch();
    for (const RecordView& record : batch) {
      Steady::rep appended = 0;
      std::memcpy(&appended, record.value.data(), sizeof appended);
      longest = std::max(
          longest,
          std::chrono::duration<double, std::milli>(now - Steady::duration(appended)).count());
      ++seen;
    }
  }
  return longest;
}

class FollowIdleContest final : public Contest {
 public:
  explicit FollowIdleContest(const Settings& settings) : settings_(settings), scratch_(settings) {
    Check(scratch_.broker().CreateTopic("followed", {.partitions = kPartitions}));
    const Topic topic = Check(scratch_.broker().OpenTopic("followed"));
    for (int id = 0; id < kPartitions; id += 2) Append(topic, id);
  }

  std::vector<double> Measure() override {
    int ready[2];
    int results[2];
    if (pipe(ready) != 0 || pipe(results) != 0) Check(absl::ErrnoToStatus(errno, "pipe"));
    const pid_t child = fork();
    if (child < 0) Check(absl::ErrnoToStatus(errno, "fork"));
    if (child == 0) Follow(ready[1], results[1]);
    close(ready[1]);
    close(results[1]);
    char byte = 0;
    if (read(ready[0], &byte, 1) != 1) Check(absl::InternalError("the follower failed"));
    const Topic topic = Check(scratch_.broker().OpenTopic("followed"));
    for (int i = 0; i < kAppends; ++i) {
      std::this_thread::sleep_for(kPauseBetweenAppends);
      Append(topic, i * 7 % kPartitions);
    }
    Figures figures;
    if (read(results[0], &figures, sizeof figures) != sizeof figures) {
      Check(absl::InternalError("the follower failed"));
    }
    close(ready[0]);
    close(results[0]);
    waitpid(child, nullptr, 0);
    return {figures.percent_of_long_polls, figures.percent_of_short_polls, figures.longest_millis};
  }
  std::vector<double> MeasureLimit() override { return {kNoLimit, kNoLimit, kNoLimit}; }

 private:
  static void Append(const Topic& topic, int partition) {
    const Steady::rep now = Steady::now().time_since_epoch().count();
    Record record;
    record.value = std::string_view(reinterpret_cast<const char*>(&now), sizeof now);
    Check(topic.partition(partition).Append(record).status());
  }

  [[noreturn]] void Follow(int ready, int results) {
    const auto broker =
        Check(Broker::Open(scratch_.broker().directory(), {.access = BrokerAccess::kReadOnly}));
    Reader reader = Check(Reader::Open(*broker, "followed"));
    while (!Check(reader.Poll({})).empty()) {
    }
    Figures figures;
    figures.percent_of_long_polls = IdlePercent(reader, settings_.idle_seconds, kLongPoll);
    figures.percent_of_short_polls = IdlePercent(reader, settings_.idle_seconds, kShortPoll);
    if (write(ready, "r", 1) != 1) _exit(1);
    figures.longest_millis = LongestMillis(reader);
    _exit(write(results, &figures, sizeof figures) == sizeof figures ? 0 : 1);
  }

  const Settings settings_;
  ScratchBroker scratch_;
};

}  // namespace

Suite FollowIdleSuite() {
  return {.name = "follow_idle",
          .rows = {{.name = "follow_idle.1s",
                    .unit = "%",
                    .note = "of a core, with 100 partitions",
                    .bars = {ValueAtMost(1)}},
                   {.name = "follow_idle.100ms",
                    .unit = "%",
                    .note = "of a core, with 100 partitions",
                    .bars = {ValueAtMost(1)}},
                   {.name = "follow_idle.seen",
                    .unit = "ms",
                    .note = "the longest of a round",
                    .bars = {ValueAtMost(10)}}},
          .open = [](const Settings& settings) {
            return std::make_unique<FollowIdleContest>(settings);
          }};
}

}  // namespace daybook::bench
