#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "daybook/producer.h"
#include "scratch.h"
#include "suites.h"

// Records acknowledged at kDisk, a second: by 64 threads that wait for each of their own, and by
// one with 10,000 on their way. The limit syncs after every record: a bare store of as many bytes
// into a mapped file and fdatasync.

namespace daybook::bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr int kThreads = 64;
constexpr std::int64_t kInFlight = 10'000;

class GroupCommitContest final : public Contest {
 public:
  explicit GroupCommitContest(const Settings& settings) : settings_(settings) {}

  std::vector<double> Measure() override { return {Blocking(), Asynchronous()}; }

  std::vector<double> MeasureLimit() override {
    const ScratchDirectory directory(settings_);
    const std::string path = directory.path() + "/sync";
    const Map map = Map::Create(path, std::uint64_t{16} << 20);
    const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    const std::string frame(FrameBytes(kValueBytes), 'v');
    const Stopwatch watch;
    for (std::int64_t i = 0; i < settings_.syncs; ++i) {
      std::memcpy(map.data() + static_cast<std::size_t>(i) * frame.size(), frame.data(),
                  frame.size());
      if (fdatasync(descriptor) != 0) Check(absl::ErrnoToStatus(errno, "sync"));
    }
    const double rate = static_cast<double>(settings_.syncs) / watch.seconds();
    close(descriptor);
    return {rate, rate};
  }

 private:
  Topic NewTopic(ScratchBroker& scratch) {
    Check(scratch.broker().CreateTopic("sync", {.durability = Durability::kDisk}));
    return Check(scratch.broker().OpenTopic("sync"));
  }

  double Blocking() {
    ScratchBroker scratch(settings_);
    const Topic topic = NewTopic(scratch);
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    Check(topic.partition(0).Append(record).status());  // opens it
    const std::int64_t each = settings_.syncs / 4 + 1;
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::int64_t n = 0; n < each; ++n) Check(topic.partition(0).Append(record).status());
      });
    }
    for (std::thread& thread : threads) thread.join();
    return static_cast<double>(kThreads * each) / watch.seconds();
  }

  double Asynchronous() {
    ScratchBroker scratch(settings_);
    const Topic topic = NewTopic(scratch);
    const std::string value(kValueBytes, 'v');
    Record record;
    record.value = value;
    Producer producer(scratch.broker(), {.max_in_flight = kInFlight});
    Check(producer.Send(topic, record).status());  // opens it
    const std::int64_t records = settings_.syncs * 1000;
    const Stopwatch watch;
    for (std::int64_t i = 0; i < records; ++i) Check(producer.SendAsync(topic, record).status());
    Check(producer.Flush());
    return static_cast<double>(records) / watch.seconds();
  }

  const Settings settings_;
};

}  // namespace

Suite GroupCommitSuite() {
  return {.name = "group_commit",
          .rows = {{.name = "group_commit_64",
                    .unit = "1/s",
                    .note = "the limit is bare fdatasync",
                    .bars = {RatioAtLeast(20)}},
                   {.name = "group_commit_async",
                    .unit = "1/s",
                    .note = "the limit is bare fdatasync",
                    .bars = {RatioAtLeast(200)}}},
          .open = [](const Settings& settings) {
            return std::make_unique<GroupCommitContest>(settings);
          }};
}

}  // namespace daybook::bench
