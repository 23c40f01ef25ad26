#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/posix_error.h"
#include "torture/disk/image.h"
#include "torture/family.h"
#include "torture/workload.h"

// The Nth call of the file system answers an error, for every N until the workload passes: once, or
// from then on for good; with --budget soak also another one later, in all pairs. Every error that
// comes through is one of those that the headers name, nothing stays open, no file stays half made,
// what was acknowledged is there afterwards, and after a sync that failed nothing is acknowledged
// that the next power cut takes. At the default settings it is any of the calls, of many workloads.

namespace daybook::torture {
namespace {

using DiskOperation = SimulatedFileSystem::Operation;

constexpr char kDirectory[] = "/data";
constexpr int kErrors[] = {ENOSPC, EIO, EDQUOT, EINTR, EAGAIN, ENOMEM, EMFILE};
constexpr std::int64_t kHows = std::int64_t{2} * std::size(kErrors);  // once and for good
constexpr std::int64_t kCallsOfCase = 8;
constexpr int kSteps = 14;

// Which calls fail.
struct Plan {
  int error = 0;
  bool for_good = false;
  std::int64_t first = 0;
  std::int64_t second = -1;
};

class ErrorRun {
 public:
  ErrorRun(Shape shape, const Plan& plan, std::uint64_t seed, Tally& tally)
      : shape_(shape), plan_(plan), seed_(seed), tally_(tally) {}

  // How many calls there were.
  std::int64_t Run() {
    disk_.SetHook([this](DiskOperation operation, const std::string& path) {
      return Answer(operation, path);
    });
    {
      Workload workload(
          disk_, kDirectory, seed_, StandardTopics(shape_), model_,
          [this](const absl::Status& status, std::string_view what) { CheckError(status, what); });
      // Each kind of operation, and then some at random.
      for (int i = 0; i < kOperations; ++i) {
        const auto operation = static_cast<Operation>(i);
        // Threads would make the numbers of the calls differ from run to run, and 64 MiB take long.
        if (operation == Operation::kTogether) continue;
        if (operation == Operation::kRoll && shape_ == Shape::kDefault && seed_ % 8 != 0) continue;
        workload.Do(operation);
      }
      for (int i = 0; i < kSteps; ++i) workload.StepAlone();
      workload.Close();
    }
    disk_.SetHook(nullptr);
    if (has_failed_) CheckWhatIsLeft();
    return calls_;
  }
  bool has_failed() const { return has_failed_; }

 private:
  absl::Status Answer(DiskOperation operation, const std::string& path) {
    const std::int64_t call = calls_++;
    const bool fails = plan_.first >= 0 && (call == plan_.first || call == plan_.second ||
                                            (plan_.for_good && call > plan_.first));
    if (!fails) return absl::OkStatus();
    has_failed_ = true;
    failed_removing_ = failed_removing_ || operation == DiskOperation::kRemove ||
                       operation == DiskOperation::kRename || operation == DiskOperation::kOpen;
    return PosixError(plan_.error, "reach", path);
  }

  void Violate(const std::string& what) {
    tally_.Violate(
        absl::StrCat("error ", plan_.error, plan_.for_good ? " from" : " at", " call ", plan_.first,
                     plan_.second < 0 ? "" : absl::StrCat(" and ", plan_.second), ": ", what));
  }

  void CheckError(const absl::Status& status, std::string_view what) {
    tally_.Count("errors that came through");
    // EINTR has no code of its own: the real file system tries again and never answers it.
    if (!has_failed_) Violate(absl::StrCat(std::string(what), " failed: ", status.ToString()));
    if (!IsTyped(status) && plan_.error != EINTR) {
      Violate(absl::StrCat(std::string(what),
                           ": not an error that is documented: ", status.ToString()));
    }
    CheckHalfMade(false);
  }

  void CheckWhatIsLeft() {
    if (disk_.OpenHandles() != 0) {
      Violate(absl::StrCat(disk_.OpenHandles(), " files, maps or directories are still open"));
    }
    Tally found;
    const auto killed = disk_.Kill();
    Check(*killed, kDirectory, model_, {.fault = Fault::kKill}, found);
    const auto cut = disk_.CutPower(seed_);
    Check(*cut, kDirectory, model_, {.fault = Fault::kPowerCut}, found);
    for (const Violation& violation : found.violations()) Violate(violation.what);
    CheckHalfMade(true);
  }

  // At once, since the next call may make the same file whole. What could not be removed stays, of
  // course, and an open log may have prepared its next file.
  void CheckHalfMade(bool is_closed) {
    if (plan_.for_good || failed_removing_) return;
    for (const std::string& path : disk_.Files()) {
      if (!path.ends_with(".tmp") || (!is_closed && path.ends_with("/next.tmp"))) continue;
      Violate(absl::StrCat(path, " was left behind"));
    }
  }

  const Shape shape_;
  const Plan plan_;
  const std::uint64_t seed_;
  Tally& tally_;
  SimulatedFileSystem disk_;
  Model model_;
  std::int64_t calls_ = 0;
  bool has_failed_ = false;
  bool failed_removing_ = false;
};

Plan PlanOf(std::int64_t how, std::int64_t call) {
  return {.error = kErrors[static_cast<std::size_t>(how / 2)],
          .for_good = how % 2 == 1,
          .first = call,
          .second = -1};
}

// The pairs of calls below `calls`, by number, spread; each with one of the errors.
Plan PairOf(std::int64_t number, std::int64_t calls) {
  const std::int64_t which = number * 104'729 % (calls * calls);
  const auto [one, other] = std::minmax(which / calls, which % calls);
  return {.error = kErrors[static_cast<std::size_t>(number) % std::size(kErrors)],
          .for_good = false,
          .first = one,
          .second = other};
}

// Any of the calls, of a workload of its own for each case.
Tally RunSomeErrors(const RunOptions& options) {
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const std::uint64_t seed = SeedOf(options, number);
    std::mt19937_64 random(seed);
    const std::int64_t calls = ErrorRun(options.shape, PlanOf(0, -1), seed, tally).Run();
    std::int64_t failed = 0;
    for (std::int64_t i = 0; i < kCallsOfCase && tally.violations().empty(); ++i) {
      const auto how = static_cast<std::int64_t>(random() % kHows);
      const auto call = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(calls));
      ErrorRun run(options.shape, PlanOf(how, call), seed, tally);
      run.Run();
      failed += run.has_failed();
    }
    tally.Count("calls that failed", failed);
    tally.CountMost("calls of a workload", calls);
    return failed;
  });
}

Tally RunErrors(const RunOptions& options) {
  if (options.shape == Shape::kDefault) return RunSomeErrors(options);
  const std::uint64_t seed = SeedOf(options, 0);
  Tally ignored;
  const std::int64_t calls = ErrorRun(options.shape, PlanOf(0, -1), seed, ignored).Run();
  // An error makes other calls; a workload that fails in the middle has fewer, and one more stretch
  // shows that it passes.
  const std::int64_t stretches = calls / kCallsOfCase + 2;
  const std::int64_t singles = stretches * kHows;
  const std::int64_t pairs = options.is_deep ? calls * calls / kCallsOfCase : 0;
  Tally total = RunCases(options, singles + pairs, [&](std::int64_t number, Tally& tally) {
    // Spread over the workload, should it not be all of them.
    const std::int64_t which = number * 7919 % (stretches * kHows);
    std::int64_t failed = 0;
    for (std::int64_t i = 0; i < kCallsOfCase && tally.violations().empty(); ++i) {
      const Plan plan = number < singles ? PlanOf(which % kHows, which / kHows * kCallsOfCase + i)
                                         : PairOf((number - singles) * kCallsOfCase + i, calls);
      ErrorRun run(options.shape, plan, seed, tally);
      run.Run();
      failed += run.has_failed();
    }
    tally.Count("calls that failed", failed);
    return failed;
  });
  total.CountMost("calls of the workload", calls);
  return total;
}

}  // namespace

Family ErrorsFamily() {
  return {.name = "errors",
          .about =
              "the Nth call of the file system fails, for every N, with seven errors, once and "
              "for good",
          .figure = "calls that failed",
          .asked = {{Shape::kSmall, {.quick = 400, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 4, .ci = 1'000, .soak = 100'000}}},
          .run = RunErrors};
}

}  // namespace daybook::torture
