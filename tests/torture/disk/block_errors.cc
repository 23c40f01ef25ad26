#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "torture/disk/image.h"
#include "torture/disk/logged_disk.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/scratch.h"
#include "torture/workload.h"

// A disk of the real kernel that fails: below ext4 one write or flush is answered with EIO, or all
// from then on. The kernel drops what it could not write, and says so once. Nothing that was on the
// disk by then is lost, and nothing is acknowledged that is not there after the next power cut.

namespace daybook::torture {
namespace {

constexpr int kMebibytes = 24;
constexpr int kMebibytesOfDefault = 500;
constexpr std::uint64_t kMostStepsBefore = 30;
constexpr int kStepsAfter = 30;

void FailOnce(const std::string& below, Shape shape, std::uint64_t seed, Tally& tally) {
  if (!IsAllowedToMount()) return tally.Skip("this process may not mount file systems");
  std::mt19937_64 random(seed);
  const int mebibytes = shape == Shape::kSmall ? kMebibytes : kMebibytesOfDefault;
  LoggedDisk disk(below, static_cast<std::uint64_t>(mebibytes) << 20);
  const std::string at = below + "/mounted";
  if (!disk.is_served() || !FormatExt4(disk.path(), "-m 0") || !MountImage(disk.path(), at)) {
    return tally.Skip("ext4: it needs root, libfuse, loop devices and mkfs.ext4");
  }
  Model model;
  {
    Workload workload(
        FileSystem::Posix(), at + "/data", seed, StandardTopics(shape), model,
        [&](const absl::Status& status, std::string_view what) {
          tally.Count("errors that came through");
          if (disk.failures() == 0) {
            tally.Violate(absl::StrCat("before it: ", std::string(what), ": ", status.ToString()));
          }
          if (!IsTyped(status)) {
            tally.Violate(absl::StrCat(std::string(what),
                                       ": not an error that is documented: ", status.ToString()));
          }
        });
    const std::uint64_t steps = 1 + random() % kMostStepsBefore;
    for (std::uint64_t i = 0; i < steps; ++i) workload.StepAlone();
    const bool is_for_good = random() % 2 == 0;
    disk.Fail(is_for_good ? LoggedDisk::Failing::kAll : LoggedDisk::Failing::kNext);
    for (int i = 0; i < kStepsAfter; ++i) workload.StepAlone();
    workload.Close();
    tally.Count(is_for_good ? "disks that failed for good" : "disks that failed once");
  }
  UnmountFrom(at);
  tally.Count("writes and flushes that failed", disk.failures());
  disk.Fail(LoggedDisk::Failing::kNone);
  if (!MountImage(disk.path(), at)) return tally.Violate("it cannot be mounted again");
  AfterReboot files;
  for (int opens = 0; opens < 2; ++opens) {
    Check(files, at + "/data", model, {.fault = Fault::kPowerCut}, tally);
  }
  UnmountFrom(at);
  tally.Count("disks");
}

Tally RunBlockErrors(const RunOptions& options) {
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const ScratchDirectory scratch(options.directory);
    RunInChild(tally, [&](Tally& inner) {
      FailOnce(scratch.path(), options.shape, SeedOf(options, number), inner);
    });
    // Where it cannot be done, the next one cannot either.
    return tally.skipped().empty() ? std::int64_t{1} : kUnbounded;
  });
}

}  // namespace

Family BlockErrorsFamily() {
  return {.name = "block-errors",
          .about = "ext4 of the real kernel on a disk that fails once, or for good",
          .figure = "disks",
          .asked = {{Shape::kSmall, {.quick = 2, .ci = 200, .soak = 5'000}},
                    {Shape::kDefault, {.quick = 1, .ci = 60, .soak = 2'000}}},
          .run = RunBlockErrors};
}

}  // namespace daybook::torture
