#include "torture/disk/allocation.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "torture/disk/allocation_work.h"
#include "torture/family.h"
#include "torture/hostile.h"
#include "torture/scratch.h"

// The Nth allocation of memory fails, for every N, once and many times in a row (with --budget soak
// also another one later, in all pairs), in a process of its own on real files. The library throws
// nothing of its own: std::bad_alloc comes through, and where it cannot, in a destructor, the
// process ends. Either way the next one opens the directory and finds everything that was
// acknowledged. What has failed and come through holds nothing up: every partition goes on in the
// same process. Callbacks and handlers throw, too, and so does what is done with an open claim.

namespace daybook::torture {

AllocationControl* allocation_control = nullptr;

namespace allocation_work {
namespace {

constexpr std::int64_t kNumbersOfCase = 8;
constexpr std::int64_t kManyFailures = 20;
constexpr unsigned kMostSeconds = 30;
// How the process ends when nobody catches it.
constexpr int kOutOfMemory = 3;
constexpr int kThrown = 4;

void CheckTopic(Broker& broker, std::size_t which, const Settings& settings, const Shared& shared,
                Tally& tally) {
  std::map<std::string, std::size_t> expected;
  for (std::size_t i = 0; i < shared.attempted[which]; ++i) {
    expected[ValueOf(settings, which, i)] = i;
  }
  const auto topic = broker.OpenTopic(kTopics[which]);
  std::vector<int> found(kMostRecords);
  for (Offset at(0); topic.ok();) {
    const auto batch = topic->partition(0).Read(at);
    if (!batch.ok()) return tally.Violate("damage: " + batch.status().ToString());
    if (batch->empty()) break;
    for (const RecordView& record : *batch) {
      const auto known = expected.find(std::string(record.value));
      if (known != expected.end()) {
        ++found[known->second];
      } else if (!settings.is_nearly_full || record.value[0] != 'f') {
        return tally.Violate(absl::StrCat("wrong: ", std::string(record.value.substr(0, 20))));
      }
    }
    at = batch->next_offset();
  }
  for (std::size_t i = 0; i < shared.attempted[which]; ++i) {
    if (found[i] == 1 || (found[i] == 0 && !shared.acknowledged[which][i])) continue;
    return tally.Violate(absl::StrCat("record ", i, " of ", kTopics[which], " is there ", found[i],
                                      " times ", topic.status().ToString()));
  }
}

// Which allocations fail.
struct Failing {
  std::int64_t at = -1;
  std::int64_t times = 0;
  std::int64_t also_at = -1;
};

// How many allocations there were.
std::int64_t RunOne(const std::string& below, const Settings& settings, const Failing& failing,
                    Tally& tally) {
  const ScratchDirectory scratch(below);
  const std::string directory = scratch.path() + "/data";
  InSharedMemory<Shared> shared;
  ValueOf(settings, 0, 0);  // its pool is made here, and takes no part
  const pid_t child = fork();
  if (child < 0) throw std::bad_alloc();
  if (child == 0) {
    std::set_terminate([] {
      try {
        if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
      } catch (const std::bad_alloc&) {
        _exit(kOutOfMemory);
      } catch (...) {
      }
      _exit(kThrown);
    });
    alarm(kMostSeconds);
    Work work(directory, settings, *shared);
    work.Fill();
    allocation_control->count = 0;
    allocation_control->failures = failing.times;
    allocation_control->also_at = failing.also_at;
    allocation_control->fail_at = failing.at;
    work.DoEverything();
    allocation_control->fail_at = -1;
    allocation_control->also_at = -1;
    shared->allocations = allocation_control->count.load();
    work.GoOn();
    work.Close();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    tally.Violate(
        absl::StrCat("allocation ", failing.at, ": nothing went on for ", kMostSeconds, " s"));
  } else if (WIFSIGNALED(status)) {
    tally.Violate(absl::StrCat("allocation ", failing.at, ": the process ended with signal ",
                               WTERMSIG(status)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemory) tally.Count("ended the process");
  if (WIFEXITED(status) && WEXITSTATUS(status) == kThrown) {
    tally.Violate(absl::StrCat("allocation ", failing.at, ": what was thrown ended the process"));
  }
  if (shared->thrown != 0) tally.Count("came through as an exception");
  tally.Count("callbacks that threw", shared->thrown_by_callbacks);
  Tally found;
  if (shared->stuck != 0) {
    const auto which = static_cast<std::size_t>(shared->stuck - 1);
    found.Violate(absl::StrCat(kTopics[which], " does not go on"));
  }
  const auto broker = Broker::Open(directory);
  if (!broker.ok()) {
    found.Violate("cannot be opened: " + broker.status().ToString());
  } else {
    for (std::size_t i = 0; i < kTopics.size(); ++i) {
      CheckTopic(**broker, i, settings, *shared, found);
    }
  }
  for (const Violation& violation : found.violations()) {
    tally.Violate(absl::StrCat("allocation ", failing.at, ", ", failing.times, " times, and ",
                               failing.also_at, ": ", violation.what));
  }
  return shared->allocations;
}

// Any of the allocations, at the default settings.
Tally RunSome(const RunOptions& options) {
  Tally ignored;
  const auto allocations =
      static_cast<std::uint64_t>(RunOne(options.directory, {.shape = options.shape}, {}, ignored));
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    std::mt19937_64 random(SeedOf(options, number));
    const Settings settings{.shape = options.shape, .is_nearly_full = number % 10 == 9};
    RunOne(options.directory, settings,
           {.at = static_cast<std::int64_t>(random() % allocations),
            .times = random() % 2 == 0 ? 1 : kManyFailures},
           tally);
    tally.Count("allocations that failed");
    return std::int64_t{1};
  });
}

Tally RunAllocation(const RunOptions& options) {
  if (allocation_control == nullptr) {
    Tally tally;
    tally.Skip("allocation: this program has the usual operator new");
    return tally;
  }
  if (options.shape == Shape::kDefault) return RunSome(options);
  const Settings settings;
  Tally ignored;
  const std::int64_t allocations = RunOne(options.directory, settings, {}, ignored);
  const std::int64_t singles = 2 * (allocations / kNumbersOfCase + 1);
  const std::int64_t pairs = options.is_deep ? allocations * allocations / kNumbersOfCase : 0;
  const auto failing_of = [&](std::int64_t number, std::int64_t i) -> Failing {
    if (number < singles) {
      const std::int64_t which = number * 7919 % singles;  // spread
      return {.at = which / 2 * kNumbersOfCase + i,
              .times = which % 2 == 0 ? 1 : kManyFailures,
              .also_at = -1};
    }
    const std::int64_t which =
        ((number - singles) * kNumbersOfCase + i) * 104'729 % (allocations * allocations);
    const auto [one, other] = std::minmax(which / allocations, which % allocations);
    return {.at = one, .times = 1, .also_at = other};
  };
  return RunCases(options, singles + pairs, [&](std::int64_t number, Tally& tally) {
    for (std::int64_t i = 0; i < kNumbersOfCase && tally.violations().empty(); ++i) {
      RunOne(options.directory, settings, failing_of(number, i), tally);
    }
    tally.Count("allocations that failed", kNumbersOfCase);
    return kNumbersOfCase;
  });
}

}  // namespace
}  // namespace allocation_work

Family AllocationFamily() {
  return {.name = "allocation",
          .about = "the Nth allocation of memory fails, for every N, once and 20 times in a row",
          .figure = "allocations that failed",
          .asked = {{Shape::kSmall, {.quick = 200, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 10, .ci = 1'300, .soak = 200'000}}},
          .run = allocation_work::RunAllocation};
}

}  // namespace daybook::torture
