#include "torture/allocation.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "torture/family.h"
#include "torture/scratch.h"

// The Nth allocation of memory fails, for every N, once and many times in a row (with --budget soak
// also another one later, in all pairs), in a process of its own on real files. The library throws
// nothing of its own: std::bad_alloc comes through, and where it cannot, in a destructor, the
// process ends. Either way the next one opens the directory and finds everything that was
// acknowledged.

namespace daybook::torture {

AllocationControl* allocation_control = nullptr;

namespace {

constexpr std::int64_t kNumbersOfCase = 8;
constexpr std::size_t kMostRecords = 256;
constexpr std::array<const char*, 2> kTopics = {"process", "disk"};
constexpr std::int64_t kManyFailures = 20;
constexpr unsigned kMostSeconds = 10;

// What the process did, in memory that outlives it.
struct Shared {
  std::atomic<std::int64_t> allocations;
  std::atomic<std::int64_t> thrown;
  std::array<std::atomic<std::size_t>, kTopics.size()> attempted;
  std::array<std::array<std::atomic<bool>, kMostRecords>, kTopics.size()> acknowledged;
};

std::string ValueOf(std::size_t topic, std::size_t sequence) {
  std::string value = absl::StrCat(topic, " ", sequence, " ");
  value.resize(sequence % 5 == 4 ? 15'000 : 60, 'v');
  return value;
}

// Calls it as a program would that catches exceptions.
template <typename Call>
void Try(Shared& shared, Call call) {
  try {
    call();
  } catch (const std::bad_alloc&) {
    ++shared.thrown;
  }
}

void Append(Broker& broker, std::size_t which, std::size_t records, Shared& shared) {
  const auto topic = broker.OpenTopic(kTopics[which]);
  if (!topic.ok()) return;
  const std::size_t first = shared.attempted[which].fetch_add(records);
  std::vector<std::string> values;
  std::vector<Record> batch(records);
  for (std::size_t i = 0; i < records; ++i) values.push_back(ValueOf(which, first + i));
  for (std::size_t i = 0; i < records; ++i) batch[i].value = values[i];
  Partition& partition = topic->partition(0);
  const auto offset = records == 1 ? partition.Append(batch[0]) : partition.AppendBatch(batch);
  if (!offset.ok()) return;
  for (std::size_t i = 0; i < records; ++i) shared.acknowledged[which][first + i] = true;
}

void DoEverything(const std::string& directory, Shared& shared) {
  std::unique_ptr<Broker> broker;
  for (int attempt = 0; attempt < 2 && broker == nullptr; ++attempt) {
    Try(shared, [&] {
      auto opened = Broker::Open(
          directory, {.access = BrokerAccess::kReadWrite, .background = Background::kCaller});
      if (opened.ok()) broker = *std::move(opened);
    });
  }
  if (broker == nullptr) return;
  TopicOptions options;
  options.segment_bytes = 64 << 10;
  options.max_record_bytes = 16 << 10;
  Try(shared, [&] { broker->CreateTopic("process", options).IgnoreError(); });
  options.durability = Durability::kDisk;
  options.compression = Compression::kZstd;
  Try(shared, [&] { broker->CreateTopic("disk", options).IgnoreError(); });
  for (int i = 0; i < 14; ++i) {
    for (std::size_t which = 0; which < kTopics.size(); ++which) {
      Try(shared, [&] { Append(*broker, which, i % 4 == 3 ? 2 : 1, shared); });
    }
  }
  Try(shared, [&] {
    ConsumerGroup group(*broker, "group");
    const auto consumer = group.Join({"process"});
    if (!consumer.ok()) return;
    (*consumer)->Poll({}).status().IgnoreError();
    (*consumer)->Commit().IgnoreError();
  });
  Try(shared, [&] { broker->Close().IgnoreError(); });
}

void CheckTopic(Broker& broker, std::size_t which, const Shared& shared, Tally& tally) {
  const std::size_t attempted = shared.attempted[which];
  const auto topic = broker.OpenTopic(kTopics[which]);
  std::vector<bool> found(kMostRecords);
  if (topic.ok()) {
    std::size_t next = 0;
    for (Offset at(0);;) {
      const auto batch = topic->partition(0).Read(at);
      if (!batch.ok()) return tally.Violate("damage: " + batch.status().ToString());
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        while (next < attempted && record.value != ValueOf(which, next)) ++next;
        if (next == attempted) {
          return tally.Violate(absl::StrCat("wrong: ", std::string(record.value.substr(0, 20))));
        }
        found[next++] = true;
      }
      at = batch->next_offset();
    }
  }
  for (std::size_t i = 0; i < attempted; ++i) {
    if (!shared.acknowledged[which][i] || found[i]) continue;
    return tally.Violate(
        absl::StrCat("lost: record ", i, " of ", kTopics[which], " ", topic.status().ToString()));
  }
}

// Which allocations fail.
struct Failing {
  std::int64_t at = -1;
  std::int64_t times = 0;
  std::int64_t also_at = -1;
};

// How many allocations there were.
std::int64_t RunOne(const std::string& below, const Failing& failing, Tally& tally) {
  const ScratchDirectory scratch(below);
  const std::string directory = scratch.path() + "/data";
  InSharedMemory<Shared> shared;
  const pid_t child = fork();
  if (child < 0) throw std::bad_alloc();
  if (child == 0) {
    std::set_terminate([] { _exit(3); });
    alarm(kMostSeconds);
    allocation_control->count = 0;
    allocation_control->failures = failing.times;
    allocation_control->also_at = failing.also_at;
    allocation_control->fail_at = failing.at;
    DoEverything(directory, *shared);
    allocation_control->fail_at = -1;
    shared->allocations = allocation_control->count.load();
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
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3) tally.Count("ended the process");
  if (shared->thrown != 0) tally.Count("came through as an exception");
  Tally found;
  const auto broker = Broker::Open(directory);
  if (!broker.ok()) {
    found.Violate("cannot be opened: " + broker.status().ToString());
  } else {
    for (std::size_t i = 0; i < kTopics.size(); ++i) CheckTopic(**broker, i, *shared, found);
  }
  for (const Violation& violation : found.violations()) {
    tally.Violate(absl::StrCat("allocation ", failing.at, ", ", failing.times, " times, and ",
                               failing.also_at, ": ", violation.what));
  }
  return shared->allocations;
}

Tally RunAllocation(const RunOptions& options) {
  if (allocation_control == nullptr) {
    Tally tally;
    tally.Skip("allocation: this program has the usual operator new");
    return tally;
  }
  Tally ignored;
  const std::int64_t allocations = RunOne(options.directory, {}, ignored);
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
      RunOne(options.directory, failing_of(number, i), tally);
    }
    tally.Count("allocations that failed", kNumbersOfCase);
    return kNumbersOfCase;
  });
}

}  // namespace

Family AllocationFamily() {
  return {.name = "allocation",
          .about = "the Nth allocation of memory fails, for every N, once and 20 times in a row",
          .figure = "allocations that failed",
          .asked = {{Shape::kSmall, {.quick = 200, .ci = 0, .soak = 0}}},
          .run = RunAllocation};
}

}  // namespace daybook::torture
