#include "torture/disk/power_cut.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "torture/family.h"
#include "torture/workload.h"

// The simulated power is cut before every operation of a random workload that changes the disk,
// syncs above all, and what is left is opened and compared with what had been promised. A tenth of
// the recoveries is cut, too.

namespace daybook::torture {
namespace {

using DiskOperation = SimulatedFileSystem::Operation;

constexpr char kDirectory[] = "/data";
constexpr int kGenerations = 2;
constexpr int kSteps = 16;
constexpr int kStepsOfDefault = 6;
constexpr std::size_t kMostCutsAgain = 12;
constexpr std::size_t kMostLargeCutsAgain = 3;
// What there is to copy and to read again for one cut; of more, not every one is done.
constexpr std::uint64_t kBytesOfCut = std::uint64_t{4} << 20;
constexpr std::uint64_t kPriceOfDefault = 3;

}  // namespace

PowerCutter::PowerCutter(Shape shape, const Model& model, std::uint64_t seed, Tally& tally)
    : model_(model),
      random_(seed),
      tally_(tally),
      least_price_(shape == Shape::kSmall ? 0 : kPriceOfDefault) {}

bool Changes(DiskOperation operation) {
  switch (operation) {
    case DiskOperation::kOpen:
    case DiskOperation::kList:
    case DiskOperation::kRead:
    case DiskOperation::kMap:
    case DiskOperation::kLock:
      return false;
    default:
      return true;
  }
}

void PowerCutter::Cut(const SimulatedFileSystem& disk) {
  // One at a time: the threads of a group commit come here, too.
  MutexLock lock(mutex_);
  if (!tally_.violations().empty()) return;
  const std::uint64_t price = least_price_ + model_.bytes() / kBytesOfCut;
  if (price > 1 && random_() % price != 0) return;
  ++cuts_;
  const std::vector<std::size_t> together = model_.TogetherAcknowledged();
  // The page cache outlives the process: nothing that was acknowledged at any level may be missing.
  if (random_() % 4 == 0) {
    tally_.Count("simulated kills");
    const std::unique_ptr<SimulatedFileSystem> killed = disk.Kill();
    Check(*killed, kDirectory, model_, {.fault = Fault::kKill, .together = together}, tally_);
  }
  const std::unique_ptr<SimulatedFileSystem> left = disk.CutPower(random_());
  if (random_() % 10 == 0) CutAgain(*left, together);
  const bool joins_group = random_() % 8 == 0;
  const CheckOptions options{
      .fault = Fault::kPowerCut, .together = together, .joins_group = joins_group};
  const auto first = Check(*left, kDirectory, model_, options, tally_);
  if (!first || random_() % 3 != 0) return;
  const auto second = Check(*left, kDirectory, model_, options, tally_);
  if (second && *second != *first) {
    tally_.Violate("it was opened twice, and the second time it was different");
  }
}

void PowerCutter::CutAgain(SimulatedFileSystem& left, const std::vector<std::size_t>& together) {
  // On a copy, so that what comes after does not depend on this.
  tally_.Count("cut again in recovery");
  const std::unique_ptr<SimulatedFileSystem> copy = left.Kill();
  std::vector<std::unique_ptr<SimulatedFileSystem>> again;
  const CheckOptions options{.fault = Fault::kPowerCut, .together = together};
  const std::size_t most = model_.bytes() > kBytesOfCut ? kMostLargeCutsAgain : kMostCutsAgain;
  copy->SetHook([&](DiskOperation operation, const std::string&) {
    if (Changes(operation) && again.size() < most) {
      again.push_back(copy->CutPower(random_()));
    }
    return absl::OkStatus();
  });
  Check(*copy, kDirectory, model_, options, tally_);
  copy->SetHook(nullptr);
  for (const auto& second : again) {
    tally_.Count("cuts of recoveries");
    Check(*second, kDirectory, model_, options, tally_);
  }
}

void PowerCutter::CutAtChanges(SimulatedFileSystem& disk) {
  disk.SetHook([this, &disk](DiskOperation operation, const std::string&) {
    if (Changes(operation)) Cut(disk);
    return absl::OkStatus();
  });
}

namespace {

// The process is killed while claims are open, and the power goes right after the next append that
// is acknowledged, and after some more.
void KillAmidClaims(Workload& workload, PowerCutter& cutter, Tally& tally,
                    std::unique_ptr<SimulatedFileSystem>* disk) {
  std::unique_ptr<SimulatedFileSystem> killed;
  {
    const std::vector<RecordClaim> claims = workload.LeaveClaims();
    (*disk)->SetHook(nullptr);
    killed = (*disk)->Kill();
  }
  workload.Die();
  *disk = std::move(killed);
  workload.MoveTo(**disk);
  cutter.CutAtChanges(**disk);
  for (int i = 0; i < 3 && tally.violations().empty(); ++i) {
    workload.Do(Operation::kAppendDisk);
    cutter.Cut(**disk);
  }
  (*disk)->SetHook(nullptr);
  workload.Unfix();
  tally.Count("kills amid claims");
}

}  // namespace

std::int64_t RunPowerCutCase(Shape shape, std::uint64_t seed, Tally& tally) {
  Model model;
  const auto on_error = [&](const absl::Status& status, std::string_view what) {
    tally.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
  };
  auto disk = std::make_unique<SimulatedFileSystem>();
  PowerCutter cutter(shape, model, seed + 1, tally);
  Workload workload(*disk, kDirectory, seed, StandardTopics(shape), model, on_error);
  const int steps = shape == Shape::kSmall ? kSteps : kStepsOfDefault;
  for (int generation = 0; generation < kGenerations; ++generation) {
    cutter.CutAtChanges(*disk);
    for (int step = 0; step < steps && tally.violations().empty(); ++step) {
      workload.Step();
      cutter.Cut(*disk);
    }
    if (!tally.violations().empty()) break;
    // As many claims as fill a segment: of large ones not in every case.
    const bool has_claims = shape == Shape::kSmall || workload.Pick(3) == 0;
    if (generation == 0 && has_claims) KillAmidClaims(workload, cutter, tally, &disk);
    if (!tally.violations().empty()) break;
    disk->SetHook(nullptr);
    // What the next generation goes on from.
    std::unique_ptr<SimulatedFileSystem> left = disk->CutPower(seed);
    const auto found = Check(*left, kDirectory, model, {.fault = Fault::kPowerCut}, tally);
    workload.Close();
    if (!found) break;
    Adopt(*found, model);
    disk = std::move(left);
    workload.MoveTo(*disk);
  }
  disk->SetHook(nullptr);
  workload.Close();
  tally.Count("cuts", cutter.cuts());
  tally.Count("workloads");
  return cutter.cuts();
}

Family PowerCutFamily() {
  return {.name = "power-cut",
          .about =
              "the power is cut at every sync and write of random workloads, on a simulated "
              "disk; a tenth of the recoveries, too",
          .figure = "cuts",
          .asked = {{Shape::kSmall, {.quick = 5'000, .ci = 100'000, .soak = 10'000'000}},
                    {Shape::kDefault, {.quick = 20, .ci = 3'000, .soak = 400'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              return RunPowerCutCase(options.shape, SeedOf(options, number), tally);
            });
          }};
}

}  // namespace daybook::torture
