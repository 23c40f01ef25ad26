#include "daybook/group_run.h"

#include <atomic>
#include <chrono>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/consumer_group.h"
#include "daybook/system/simulated_file_system.h"
#include "segment/segment_steps.h"
#include "support/segment_bytes.h"
#include "torture/family.h"
#include "torture/hostile.h"

// ConsumerGroup::Run with handlers that hang while another member wants partitions: whatever is
// committed meanwhile, and read by who opens the directory after a kill, was handled before. At the
// default settings with the broker's own threads, too, and records up to 1 MiB. Which records hang
// depends on the seed, and how the threads interleave on the machine; what must hold does not.

namespace daybook::torture {
namespace {

constexpr int kPartitions = 4;
constexpr int kRecords = 60;
constexpr char kGroup[] = "workers";
constexpr std::chrono::milliseconds kHang{2};

struct World {
  SimulatedFileSystem disk;
  Mutex mutex;
  std::set<std::string> handled ABSL_GUARDED_BY(mutex);
};

// Everything before the group's places in what a kill leaves now was handled.
void CheckKilled(World& world, Tally& tally) {
  // First what is on the disk, then what is handled: the other way round would prove nothing.
  const auto killed = world.disk.Kill();
  std::set<std::string> handled;
  {
    MutexLock lock(world.mutex);
    handled = world.handled;
  }
  auto broker = Broker::Open("/data", {.access = BrokerAccess::kReadWrite,
                                       .background = Background::kCaller,
                                       .file_system = killed.get()});
  if (!broker.ok()) return tally.Violate(broker.status().ToString());
  for (int id = 0; id < kPartitions; ++id) {
    const auto place = Access::Core(*(*broker)).offsets().Find({kGroup, "in", id});
    if (!place.ok()) return tally.Violate(place.status().ToString());
    const Offset end = place->has_value() ? (*place)->offset : Offset(0);
    for (Offset at(0); at < end;) {
      const auto batch = (*broker)->OpenTopic("in")->partition(id).Read(at);
      if (!batch.ok() || batch->empty()) return tally.Violate("the input cannot be read");
      for (const RecordView& record : *batch) {
        if (record.offset >= end || handled.count(std::string(record.value)) != 0) continue;
        return tally.Violate(absl::StrCat("committed and not handled: partition ", id, " offset ",
                                          record.offset.value()));
      }
      at = batch->next_offset();
    }
  }
  tally.Count("kills");
}

void RunCase(Shape shape, std::uint64_t seed, Tally& tally) {
  World world;
  const bool is_small = shape == Shape::kSmall;
  auto opened =
      Broker::Open("/data", {.access = BrokerAccess::kReadWrite,
                             .background = is_small ? Background::kCaller : Background::kThread,
                             .file_system = &world.disk});
  if (!opened.ok()) return tally.Violate(opened.status().ToString());
  Broker& broker = **opened;
  TopicOptions options;
  options.partitions = kPartitions;
  if (is_small) {
    options.segment_bytes = 64 << 10;
    Access::Core(broker).UseSteps(kSmallSteps);
  }
  const HostileValues values(shape);
  if (!broker.CreateTopic("in", options).ok()) return tally.Violate("no topic");
  for (int i = 0; i < kRecords; ++i) {
    const std::uint64_t number = seed + static_cast<std::uint64_t>(i);
    const std::string value = values.ValueOf(absl::StrCat(i, " "), values.BytesOf(number), number);
    const Topic in = broker.OpenTopic("in").value();
    if (!in.partition(i % kPartitions).Append(RecordOf(value, std::to_string(i))).ok()) {
      return tally.Violate("no record");
    }
  }
  std::stop_source stop;
  daybook::RunOptions run;
  run.threads = 2;
  run.commit_interval = std::chrono::milliseconds(0);
  run.drain_timeout = std::chrono::milliseconds(50);
  run.stop = stop.get_token();
  ConsumerGroup group(broker, kGroup);
  std::atomic<bool> has_ended{false};
  std::thread runner([&] {
    const auto ended = group.Run({"in"}, run, [&](const RecordView& record) {
      const std::string value(record.value);
      if ((std::stoull(value) * 0x9e37'79b9 + seed) % 3 == 0) std::this_thread::sleep_for(kHang);
      MutexLock lock(world.mutex);
      world.handled.insert(value);
      return absl::OkStatus();
    });
    if (!ended.ok()) tally.Violate(absl::StrCat("Run ended: ", ended.ToString()));
    has_ended = true;
  });
  // So that records are in flight when another member wants partitions.
  for (bool is_under_way = false; !is_under_way && !has_ended;) {
    MutexLock lock(world.mutex);
    is_under_way = !world.handled.empty();
  }
  {
    auto other = group.Join({"in"});
    for (int i = 0; i < 8 && other.ok(); ++i) {
      std::this_thread::sleep_for(kHang / 2);
      (*other)->Poll({}).status().IgnoreError();
      CheckKilled(world, tally);
    }
  }
  stop.request_stop();
  runner.join();
  CheckKilled(world, tally);
}

}  // namespace

Family GroupRunFamily() {
  return {.name = "group-run",
          .about =
              "ConsumerGroup::Run with handlers that hang while partitions move; what a kill "
              "leaves committed was handled",
          .figure = "runs",
          .asked = {{Shape::kSmall, {.quick = 5, .ci = 100, .soak = 10'000}},
                    {Shape::kDefault, {.quick = 5, .ci = 200, .soak = 10'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              RunCase(options.shape, SeedOf(options, number), tally);
              tally.Count("runs");
              return std::int64_t{1};
            });
          }};
}

}  // namespace daybook::torture
