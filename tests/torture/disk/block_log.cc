#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/system/file_system.h"
#include "torture/disk/logged_disk.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/scratch.h"
#include "torture/workload.h"

// ext4 and XFS of the real kernel on a disk that logs what it is told. The power is cut between any
// two of its writes: what was flushed is there, of the rest any part, by sectors. The kernel mounts
// that and replays its journal, and what is there is compared with what was acknowledged. A tenth
// is cut again while that goes on.

namespace daybook::torture {
namespace {

constexpr int kSteps = 60;
constexpr int kCutsOfCase = 10;
constexpr int kExt4Mebibytes = 24;
constexpr int kMebibytesOfDefault = 500;
constexpr int kXfsOneIn = 4;  // file systems

class BlockLogRun {
 public:
  BlockLogRun(const std::string& below, Shape shape, bool is_xfs, std::uint64_t seed, Tally& tally)
      : below_(below), shape_(shape), is_xfs_(is_xfs), random_(seed), tally_(tally) {}

  void Run() {
    if (!IsAllowedToMount()) return tally_.Skip("this process may not mount file systems");
    if (!Work()) return;
    for (int i = 0; i < kCutsOfCase && tally_.violations().empty(); ++i) Cut(i);
  }

 private:
  std::uint64_t disk_bytes() const {
    const int small = is_xfs_ ? kLeastXfsMebibytes : kExt4Mebibytes;
    return static_cast<std::uint64_t>(shape_ == Shape::kSmall ? small : kMebibytesOfDefault) << 20;
  }

  // What a program does, with what was acknowledged by when.
  bool Work() {
    const ScratchDirectory scratch(below_);
    LoggedDisk disk(scratch.path(), disk_bytes());
    const std::string at = scratch.path() + "/mounted";
    const bool is_there = disk.is_served() &&
                          (is_xfs_ ? FormatXfs(disk.path()) : FormatExt4(disk.path(), "-m 0")) &&
                          MountImage(disk.path(), at);
    if (!is_there) {
      tally_.Skip(absl::StrCat(is_xfs_ ? "XFS" : "ext4",
                               ": it needs root, libfuse, loop devices and its mkfs"));
      return false;
    }
    {
      Workload workload(FileSystem::Posix(), at + "/data", random_(), StandardTopics(shape_),
                        model_, [&](const absl::Status& status, std::string_view what) {
                          tally_.Violate(absl::StrCat(std::string(what), ": ", status.ToString()));
                        });
      steps_.push_back({.entries = disk.entries(), .topics = {}});
      for (int i = 0; i < kSteps && tally_.violations().empty(); ++i) {
        workload.StepAlone();
        steps_.push_back({.entries = disk.entries(), .topics = model_.topics});
      }
      workload.Close();
    }
    UnmountFrom(at);
    log_ = disk.Log();
    return tally_.violations().empty();
  }

  void Cut(int number) {
    const std::int64_t first = steps_.front().entries;
    const std::int64_t entries =
        first + static_cast<std::int64_t>(
                    random_() % static_cast<std::uint64_t>(steps_.back().entries - first + 1));
    // In the middle of the step that ended next.
    auto after =
        std::upper_bound(steps_.begin(), steps_.end(), entries,
                         [](std::int64_t value, const Step& step) { return value < step.entries; });
    const auto before = after - 1;
    if (after == steps_.end()) after = before;
    Model model;
    model.topics = after->topics;
    TakeBack(before->topics, model);
    DiskContent content = AfterPowerCut({}, log_, entries, random_);
    if (number == 0) content = CutAgain(content, model);
    if (!tally_.violations().empty()) return;
    const ScratchDirectory scratch(below_);
    const std::string image = scratch.path() + "/image";
    const std::string at = scratch.path() + "/mounted";
    if (!content.Store(image, disk_bytes()) || !MountImage(image, at)) {
      return tally_.Violate(absl::StrCat("cannot be mounted after entry ", entries));
    }
    CheckTwice(at, model);
    UnmountFrom(at);
    tally_.Count("cuts");
    tally_.Count(is_xfs_ ? "cuts of XFS" : "cuts of ext4");
  }

  // Cuts the power while the kernel and we recover from `content`.
  DiskContent CutAgain(const DiskContent& content, const Model& model) {
    const ScratchDirectory scratch(below_);
    LoggedDisk disk(scratch.path(), disk_bytes(), content);
    const std::string at = scratch.path() + "/mounted";
    if (!disk.is_served() || !MountImage(disk.path(), at)) {
      tally_.Violate("cannot be mounted again");
      return content;
    }
    CheckTwice(at, model);
    UnmountFrom(at);
    const std::vector<DiskEntry> log = disk.Log();
    tally_.Count("cut again in recovery");
    return AfterPowerCut(content, log, static_cast<std::int64_t>(random_() % (log.size() + 1)),
                         random_);
  }

  void CheckTwice(const std::string& at, const Model& model) {
    AfterReboot files(++boots_);
    for (int opens = 0; opens < 2; ++opens) {
      Check(files, at + "/data", model, {.fault = Fault::kPowerCut}, tally_);
    }
  }

  struct Step {
    std::int64_t entries = 0;  // of the disk's log, by its end
    std::map<std::string, TopicModel> topics;
  };

  const std::string below_;
  const Shape shape_;
  const bool is_xfs_;
  std::mt19937_64 random_;
  Tally& tally_;
  Model model_;
  std::vector<Step> steps_;
  std::vector<DiskEntry> log_;
  int boots_ = 0;
};

Tally RunBlockLogs(const RunOptions& options) {
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const ScratchDirectory scratch(options.directory);
    const bool is_xfs = number % kXfsOneIn == kXfsOneIn - 1;
    RunInChild(tally, [&](Tally& inner) {
      BlockLogRun(scratch.path(), options.shape, is_xfs, SeedOf(options, number), inner).Run();
    });
    if (tally.skipped().empty()) return std::int64_t{kCutsOfCase};
    // Where ext4 cannot be had, the next one cannot either.
    return is_xfs ? std::int64_t{0} : kUnbounded;
  });
}

}  // namespace

Family BlockLogFamily() {
  return {.name = "block-log",
          .about = "ext4 and XFS of the real kernel on a disk whose power is cut at any write",
          .figure = "cuts",
          .asked = {{Shape::kSmall, {.quick = 20, .ci = 400, .soak = 50'000}},
                    {Shape::kDefault, {.quick = 10, .ci = 40, .soak = 5'000}}},
          .run = RunBlockLogs};
}

}  // namespace daybook::torture
