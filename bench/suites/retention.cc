#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daybook/admin.h"
#include "scratch.h"
#include "suites.h"

// How long an append waits at most while a hundred segments are deleted. The limit appends as many
// records, as often, while nothing is deleted.

namespace daybook::bench {
namespace {

class RetentionContest : public Contest {
 public:
  explicit RetentionContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override { return {1e3 * Longest(true)}; }
  std::vector<double> MeasureLimit() override { return {1e3 * Longest(false)}; }

 private:
  // Seconds.
  double Longest(bool deletes) {
    ScratchBroker scratch(settings_);
    Partition& partition = scratch.NewTopic("t").partition(0);
    // As much as a hundred segments of 64 MiB, or less where all is to be quick.
    const std::uint64_t bytes = std::min(settings_.log_bytes * 2, kBytes);
    scratch.Fill(partition, deletes ? bytes : std::uint64_t{1} << 20, 64 << 10);
    const Offset end = Check(partition.end_offset());
    Check(partition.WaitDurable(end));
    std::atomic<bool> is_done{false};
    std::thread deleting([&] {
      if (deletes) {
        Check(Admin(scratch.broker()).DeleteRecords({"t", 0}, end).status());
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
      }
      is_done = true;
    });
    const std::string value(100, 'v');
    double longest = 0;
    while (!is_done) {
      const Stopwatch watch;
      Check(partition.Append({.value = std::string_view(value)}).status());
      longest = std::max(longest, watch.seconds());
    }
    deleting.join();
    return longest;
  }

  static constexpr std::uint64_t kBytes = std::uint64_t{100} * (64 << 20);

  const Settings settings_;
};

}  // namespace

Suite RetentionSuite() {
  return {"retention_100_segments",
          {{"retention_100_segments",
            "ms",
            "longest append; limit: nothing is deleted",
            {ValueAtMost(1)}}},
          [](const Settings& settings) { return std::make_unique<RetentionContest>(settings); }};
}

}  // namespace daybook::bench
