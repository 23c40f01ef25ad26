#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daybook/system/file_system.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/scratch.h"
#include "torture/workload.h"

// A real file system is shut down under load, as if the power were cut: ext4 in a file takes no
// more writes from one moment on, not even of its journal (EXT4_IOC_SHUTDOWN), is mounted again,
// and what is on the disk is compared with what was acknowledged.

namespace daybook::torture {
namespace {

// Of the kernel's fs/ext4/ext4.h: not in the headers for programs.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutJournal = 2;
constexpr int kMebibytes = 24;
constexpr int kMebibytesOfDefault = 500;
constexpr int kMostSteps = 400;
constexpr std::uint64_t kMostMicroseconds = 60'000;

void ShutDownOnce(const std::string& below, Shape shape, std::uint64_t seed, Tally& tally) {
  const int mebibytes = shape == Shape::kSmall ? kMebibytes : kMebibytesOfDefault;
  if (!IsAllowedToMount() || !MakeExt4(below, mebibytes, "-m 0")) {
    return tally.Skip("ext4: it needs root, mkfs.ext4 and loop devices");
  }
  const std::string mounted = below + "/mounted";
  const int root = open(mounted.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::mt19937_64 random(seed);
  Model model;
  {
    std::atomic<bool> is_down{false};
    bool has_failed = false;
    Workload workload(
        FileSystem::Posix(), mounted + "/data", seed, StandardTopics(shape), model,
        [&](const absl::Status& status, std::string_view what) {
          has_failed = true;
          if (is_down) return;
          tally.Violate(absl::StrCat("before it: ", std::string(what), ": ", status.ToString()));
        });
    std::uint32_t how = kWithoutJournal;
    bool can_shut_down = true;
    std::thread cut([&, delay = std::chrono::microseconds(random() % kMostMicroseconds)] {
      std::this_thread::sleep_for(delay);
      is_down = true;
      can_shut_down = ioctl(root, kShutdown, &how) == 0;
    });
    std::map<std::string, TopicModel> before;
    for (int i = 0; i < kMostSteps && !is_down && !has_failed && tally.violations().empty(); ++i) {
      before = model.topics;
      workload.StepAlone();
    }
    // What was acknowledged before the shutdown began; the close comes after it.
    if (!is_down) before = model.topics;
    cut.join();
    workload.Close();
    // What was acknowledged while it was being shut down is not known to have come before that: the
    // kernel lets a sync that is under way then answer OK, although what it has written to new
    // blocks is dropped with the journal.
    TakeBack(before, model);
    if (!can_shut_down) tally.Skip("ext4: this kernel does not shut it down");
  }
  close(root);
  Unmount(below);
  if (!tally.violations().empty() || !tally.skipped().empty()) return;
  if (!MountAgain(below)) return tally.Violate("it cannot be mounted again");
  AfterReboot disk;
  for (int opens = 0; opens < 2; ++opens) {
    Check(disk, mounted + "/data", model, {.fault = Fault::kPowerCut}, tally);
  }
  tally.Count("shutdowns");
  Unmount(below);
}

Tally RunShutdowns(const RunOptions& options) {
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const ScratchDirectory scratch(options.directory);
    RunInChild(tally, [&](Tally& inner) {
      ShutDownOnce(scratch.path(), options.shape, SeedOf(options, number), inner);
    });
    // Where it cannot be done, the next one cannot either.
    return tally.skipped().empty() ? std::int64_t{1} : kUnbounded;
  });
}

}  // namespace

Family ShutdownFamily() {
  return {.name = "shutdown",
          .about = "ext4 of the real kernel is shut down under load, and mounted again",
          .figure = "shutdowns",
          .asked = {{Shape::kSmall, {.quick = 2, .ci = 100, .soak = 5'000}},
                    {Shape::kDefault, {.quick = 1, .ci = 60, .soak = 2'000}}},
          .run = RunShutdowns};
}

}  // namespace daybook::torture
