#include <chrono>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "daybook/system/simulated_file_system.h"
#include "torture/family.h"
#include "torture/workload.h"

// The clock goes back and forward ten years, to 1970 and to 2106, in the middle of random
// workloads. Nothing is deleted, nothing is stuck, and every time that is asked for has an answer.

namespace daybook::torture {
namespace {

constexpr char kDirectory[] = "/data";
constexpr int kSteps = 30;
constexpr std::chrono::hours kTenYears{24 * 3653};
constexpr std::chrono::seconds kOf2106{std::int64_t{1} << 32};

void Jump(Workload& workload) {
  ManualClock& clock = workload.clock();
  switch (workload.Pick(5)) {
    case 0:
      clock.Advance(kTenYears);
      return;
    case 1:
      clock.Set(std::max(clock.Now() - kTenYears, Timestamp()));
      return;
    case 2:
      clock.Set(Timestamp());
      return;
    case 3:
      clock.Set(Timestamp(kOf2106));
      return;
    default:
      clock.Set(Timestamp(std::chrono::seconds(1'700'000'000)));
  }
}

void AskForTimes(Workload& workload, const Model& model, Tally& tally) {
  if (workload.broker() == nullptr) return;
  for (const auto& [name, topic] : model.topics) {
    const auto handle = workload.broker()->OpenTopic(name);
    if (!handle.ok()) continue;
    for (int id = 0; id < handle->partitions(); ++id) {
      for (const Timestamp time : {Timestamp(), workload.clock().Now(), Timestamp(kOf2106)}) {
        const auto offset = handle->partition(id).OffsetForTime(time);
        const auto end = handle->partition(id).end_offset();
        if (!offset.ok() || !end.ok() || *offset > *end) {
          tally.Violate(absl::StrCat(name, "-", id, ": the offset for a time is ",
                                     offset.ok() ? offset->value() : -1, " ",
                                     offset.status().ToString()));
        }
      }
    }
  }
}

std::int64_t RunCase(Shape shape, std::uint64_t seed, Tally& tally) {
  SimulatedFileSystem disk;
  Model model;
  Workload workload(disk, kDirectory, seed, StandardTopics(shape), model,
                    [&](const absl::Status& status, std::string_view what) {
                      tally.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
                    });
  std::int64_t jumps = 0;
  for (int step = 0; step < kSteps && tally.violations().empty(); ++step) {
    Jump(workload);
    ++jumps;
    workload.Step();
    AskForTimes(workload, model, tally);
  }
  if (workload.broker() != nullptr) {
    CheckBroker(*workload.broker(), model, {.fault = Fault::kKill}, tally);
  }
  workload.Close();
  if (tally.violations().empty()) {
    Check(disk, kDirectory, model, {.fault = Fault::kKill, .joins_group = true}, tally);
    const auto cut = disk.CutPower(seed);
    Check(*cut, kDirectory, model, {.fault = Fault::kPowerCut}, tally);
  }
  tally.Count("jumps of the clock", jumps);
  return jumps;
}

}  // namespace

Family ClockFamily() {
  return {.name = "clock",
          .about = "the clock jumps ten years, to 1970 and to 2106, in the middle of workloads",
          .figure = "jumps of the clock",
          .asked = {{Shape::kSmall, {.quick = 600, .ci = 20'000, .soak = 1'000'000}},
                    {Shape::kDefault, {.quick = 30, .ci = 3'000, .soak = 300'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              return RunCase(options.shape, SeedOf(options, number), tally);
            });
          }};
}

}  // namespace daybook::torture
