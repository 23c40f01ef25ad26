#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "scratch.h"
#include "suites.h"

// A member of a group polls one record, handles it and commits: what the commit costs, the poll
// before it left out. And the part of it that the store of the offsets takes.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr std::chrono::seconds kTimeout{1};

class CommitOffsetContest final : public Contest {
 public:
  explicit CommitOffsetContest(const Settings& settings)
      : settings_(settings), commits_(settings.seeks), scratch_(settings) {
    const Topic topic = scratch_.NewTopic("commit");
    const auto bytes = static_cast<std::uint64_t>(commits_) * FrameBytes(kValueBytes);
    scratch_.Fill(topic.partition(0), bytes, kValueBytes);
  }

  std::vector<double> Measure() override {
    const std::string name = "group-" + std::to_string(++groups_);
    ConsumerGroup group(scratch_.broker(), name,
                        {.batch = {.max_records = 1, .max_bytes = 1 << 20}});
    const auto consumer = Check(group.Join({"commit"}));
    std::vector<double> nanos;
    nanos.reserve(static_cast<std::size_t>(commits_));
    double seconds = 0;
    for (std::int64_t i = 0; i < commits_; ++i) {
      const auto batch = consumer->Poll(kTimeout);
      if (!batch.ok()) [[unlikely]]
        Check(batch.status());
      const Stopwatch watch(settings_.timing);
      const absl::Status status = consumer->Commit();
      const double took = watch.seconds();
      if (!status.ok()) [[unlikely]]
        Check(status);
      seconds += took;
      nanos.push_back(1e9 * took);
    }
    const double watch = WatchSeconds();
    const auto count = static_cast<double>(commits_);
    return {1e9 * (seconds / count - watch), Quantile(nanos, 0.5) - 1e9 * watch, StoreNanos(name)};
  }

  std::vector<double> MeasureLimit() override { return {kNoLimit, kNoLimit, kNoLimit}; }

 private:
  // What the stopwatch adds to what it measures.
  double WatchSeconds() const {
    double seconds = 0;
    for (std::int64_t i = 0; i < commits_; ++i) seconds += Stopwatch(settings_.timing).seconds();
    return seconds / static_cast<double>(commits_);
  }

  double StoreNanos(const std::string& group) {
    OffsetStore& store = Access::Core(scratch_.broker()).offsets();
    const OffsetStore::EntryPtr place = Check(store.EntryOf({group + "-store", "commit", 0}));
    const Stopwatch watch(settings_.timing);
    for (std::int64_t i = 1; i <= commits_; ++i) {
      const absl::Status status = store.Commit(*place, Offset(i), "");
      if (!status.ok()) [[unlikely]]
        Check(status);
    }
    return 1e9 * watch.seconds() / static_cast<double>(commits_);
  }

  const Settings settings_;
  const std::int64_t commits_;
  ScratchBroker scratch_;
  int groups_ = 0;
};

}  // namespace

Suite CommitOffsetSuite() {
  return {
      .name = "commit_offset",
      .rows = {{.name = "commit_offset", .unit = "ns", .note = "mean", .bars = {ValueAtMost(300)}},
               {.name = "commit_offset.p50", .unit = "ns", .note = "lower is better"},
               {.name = "commit_offset.store", .unit = "ns", .note = "of it, the store"}},
      .open = [](const Settings& settings) {
        return std::make_unique<CommitOffsetContest>(settings);
      }};
}

}  // namespace daybook::bench
