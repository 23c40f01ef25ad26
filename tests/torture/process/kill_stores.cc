#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/admin.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
#include "daybook/reader.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"
#include "torture/family.h"
#include "torture/model.h"
#include "torture/process/file_watch.h"
#include "torture/process/instruction.h"
#include "torture/scratch.h"

// A process is run one machine instruction at a time, and whenever an instruction has changed a
// byte of a file, or a system call anything of the directory, what is there is copied, opened and
// checked: that is what a kill at this instruction would have left. First by a reader that never
// writes, which sees all that was acknowledged before anybody has recovered it. The workload
// appends, claims, grows its files, rolls, commits places and a transaction over two topics, and
// closes. At the default settings it does not roll.

namespace daybook::torture {
namespace {

constexpr std::int64_t kSeeds = 10;
constexpr std::int64_t kSeedsOfDefault = 2;
constexpr char kGroup[] = "group";
// Records that fill a segment of 64 KiB but for a little more than 1 KiB.
constexpr int kFirst = 4;
constexpr std::size_t kFirstBytes = 15'000;
constexpr std::size_t kMostRecordBytes = 16 << 10;

enum class Step { kAppend, kAppendKeyed, kClaim, kBatch, kLarge, kCommit, kTransaction };

// What a workload is made of, and what has to be there when so many steps are done.
struct Workload {
  struct State {
    std::vector<std::string> in_t;
    std::vector<std::string> in_u;
    std::int64_t place = 0;  // of the group, in t
  };
  std::vector<Step> steps;
  std::vector<State> states;  // one more than steps
};

Workload MakeWorkload(Shape shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Workload workload;
  workload.steps = {Step::kAppend, Step::kAppendKeyed, Step::kBatch,       Step::kCommit,
                    Step::kLarge,  Step::kClaim,       Step::kTransaction, Step::kBatch};
  if (shape == Shape::kDefault) {
    workload.steps = {Step::kAppendKeyed, Step::kLarge, Step::kClaim, Step::kTransaction};
  }
  std::shuffle(workload.steps.begin(), workload.steps.end(), random);
  Workload::State state;
  state.in_t.assign(kFirst, std::string(kFirstBytes, 'f'));
  workload.states.push_back(state);
  for (std::size_t i = 0; i < workload.steps.size(); ++i) {
    const auto make = [&](std::size_t bytes) {
      std::string value = absl::StrCat(i, " ", state.in_t.size(), " ");
      value.resize(bytes, static_cast<char>('a' + i));
      return value;
    };
    const std::size_t bytes = 20 + random() % 100;
    switch (workload.steps[i]) {
      case Step::kAppend:
      case Step::kAppendKeyed:
      case Step::kClaim:
        state.in_t.push_back(make(bytes));
        break;
      case Step::kBatch:
        for (int record = 0; record < 3; ++record) state.in_t.push_back(make(bytes));
        break;
      case Step::kLarge:
        state.in_t.push_back(make(1'500));
        break;
      case Step::kCommit:
        state.place = static_cast<std::int64_t>(state.in_t.size());
        break;
      case Step::kTransaction:
        state.place = static_cast<std::int64_t>(state.in_t.size());
        state.in_t.push_back(make(bytes));
        state.in_u.push_back(make(bytes));
    }
    workload.states.push_back(state);
  }
  return workload;
}

TopicOptions Options(Shape shape) {
  TopicOptions options;
  if (shape == Shape::kDefault) return options;
  options.segment_bytes = 64 << 10;
  options.max_record_bytes = kMostRecordBytes;
  return options;
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const std::string& directory, Shape shape,
                                                   BrokerAccess access = BrokerAccess::kReadWrite) {
  auto broker = Broker::Open(directory, {.access = access, .background = Background::kCaller});
  if (broker.ok() && shape == Shape::kSmall) Access::Core(*(*broker)).UseSteps(kSmallSteps);
  return broker;
}

bool Prepare(const std::string& directory, Shape shape, const Workload& workload) {
  auto broker = OpenBroker(directory, shape);
  if (!broker.ok() || !(*broker)->CreateTopic("t", Options(shape)).ok() ||
      !(*broker)->CreateTopic("u", Options(shape)).ok()) {
    return false;
  }
  const auto topic = (*broker)->OpenTopic("t");
  if (!topic.ok()) return false;
  for (const std::string& value : workload.states.front().in_t) {
    Record record;
    record.value = value;
    if (!topic->partition(0).Append(record).ok()) return false;
  }
  return true;
}

// Does the steps; `done` counts those that were acknowledged. Stops itself before the first one.
[[noreturn]] void RunVictim(const std::string& directory, Shape shape, const Workload& workload,
                            std::atomic<std::int64_t>& done) {
  auto broker = OpenBroker(directory, shape);
  if (!broker.ok()) _exit(3);
  const Topic topic = (*broker)->OpenTopic("t").value();
  ConsumerGroup group(**broker, kGroup);
  auto consumer = group.Join({"t"});
  if (!consumer.ok() || ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(4);
  raise(SIGSTOP);
  const Header headers[] = {{.name = "source", .value = "torture"}};
  for (std::size_t i = 0; i < workload.steps.size(); ++i) {
    const Workload::State& before = workload.states[i];
    const Workload::State& after = workload.states[i + 1];
    std::vector<Record> records(after.in_t.size() - before.in_t.size());
    for (std::size_t r = 0; r < records.size(); ++r) {
      records[r].value = after.in_t[before.in_t.size() + r];
    }
    absl::Status status;
    const auto poll_all = [&] {
      for (;;) {
        const auto batch = (*consumer)->Poll({});
        if (!batch.ok()) _exit(5);
        if (batch->empty()) return;
      }
    };
    switch (workload.steps[i]) {
      case Step::kAppendKeyed:
        records[0].key = "a key";
        records[0].headers = headers;
        [[fallthrough]];
      case Step::kAppend:
      case Step::kLarge:
        status = topic.partition(0).Append(records[0]).status();
        break;
      case Step::kClaim: {
        auto claim = topic.partition(0).Claim({.value_bytes = records[0].value.size()});
        status = claim.status();
        if (!status.ok()) break;
        std::memcpy(claim->value().data(), records[0].value.data(), records[0].value.size());
        std::move(*claim).Commit();
        break;
      }
      case Step::kBatch:
        status = topic.partition(0).AppendBatch(records).status();
        break;
      case Step::kCommit:
        poll_all();
        status = (*consumer)->Commit();
        break;
      case Step::kTransaction: {
        poll_all();
        auto transaction = Transaction::Begin(**broker);
        if (!transaction.ok()) _exit(6);
        Record other;
        other.value = after.in_u.back();
        status = transaction->Send("t", records[0]);
        status.Update(transaction->Send("u", other));
        status.Update(transaction->AddOffsets(**consumer));
        status.Update(transaction->Commit());
      }
    }
    if (!status.ok()) _exit(7);
    done.store(static_cast<std::int64_t>(i) + 1);
  }
  consumer->reset();
  _exit((*broker)->Close().ok() ? 0 : 8);
}

class StoreCase {
 public:
  StoreCase(const std::string& below, Shape shape, std::uint64_t seed, Tally& tally)
      : scratch_(below), shape_(shape), tally_(tally), workload_(MakeWorkload(shape, seed)) {}

  std::int64_t Run() {
    const std::string directory = scratch_.path() + "/data";
    if (!Prepare(directory, shape_, workload_)) {
      tally_.Violate("it cannot be prepared");
      return 0;
    }
    // Both on one core: to wake another one for each instruction takes ten times as long.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
    const pid_t victim = fork();
    if (victim < 0) throw std::runtime_error("no process can be started");
    if (victim == 0) RunVictim(directory, shape_, workload_, *done_);
    int status = 0;
    waitpid(victim, &status, 0);
    if (!WIFSTOPPED(status)) {
      tally_.Skip("a process cannot be traced here");
      return 0;
    }
    FileWatch watch(directory);
    std::int64_t instructions = 0;
    while (tally_.violations().empty()) {
      const Instruction next = NextInstruction(victim);
      if (ptrace(PTRACE_SINGLESTEP, victim, nullptr, nullptr) != 0 ||
          waitpid(victim, &status, 0) != victim || !WIFSTOPPED(status)) {
        break;
      }
      ++instructions;
      bool is_changed = next == Instruction::kSystemCall && watch.List();
      is_changed = (next != Instruction::kHarmless && watch.Look()) || is_changed;
      if (is_changed) Check(watch);
    }
    if (!tally_.violations().empty()) {
      kill(victim, SIGKILL);
      waitpid(victim, &status, 0);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      tally_.Violate(absl::StrCat("the process ended by itself: status ", status));
    }
    if (done_->load() != static_cast<std::int64_t>(workload_.steps.size()) &&
        tally_.violations().empty()) {
      tally_.Violate("the workload did not end");
    }
    tally_.Count("instructions", instructions);
    return changes_;
  }

 private:
  // What a kill at this place leaves.
  void Check(const FileWatch& watch) {
    ++changes_;
    const std::string directory = scratch_.path() + "/left";
    watch.CopyTo(directory);
    // A reader first: it changes nothing.
    for (const auto access : {BrokerAccess::kReadOnly, BrokerAccess::kReadWrite}) {
      CheckAs(access, directory);
    }
  }

  void CheckAs(BrokerAccess access, const std::string& directory) {
    const char* const whose = access == BrokerAccess::kReadOnly ? " for a reader" : "";
    const auto done = static_cast<std::size_t>(done_->load());
    const auto found = Read(directory, access);
    if (!found) return;
    for (std::size_t state = done; state <= done + 1 && state < workload_.states.size(); ++state) {
      const Workload::State& expected = workload_.states[state];
      if (found->in_t == expected.in_t && found->in_u == expected.in_u &&
          (found->place == expected.place || access == BrokerAccess::kReadOnly)) {
        return;
      }
    }
    const Workload::State& least = workload_.states[done];
    tally_.Violate(absl::StrCat("change ", changes_, ": after ", done, " steps there are", whose,
                                " ", found->in_t.size(), " and ", found->in_u.size(),
                                " records, and the place ", found->place, "; acknowledged were ",
                                least.in_t.size(), ", ", least.in_u.size(), " and ", least.place));
  }

  std::optional<Workload::State> Read(const std::string& directory, BrokerAccess access) {
    Workload::State state;
    const auto violate = [&](const absl::Status& status) {
      tally_.Violate(absl::StrCat("change ", changes_, ": ",
                                  access == BrokerAccess::kReadOnly ? "a reader: " : "",
                                  status.ToString()));
      return std::nullopt;
    };
    auto broker = OpenBroker(directory, shape_, access);
    if (!broker.ok()) return violate(broker.status());
    for (auto* const values : {&state.in_t, &state.in_u}) {
      auto reader = Reader::Open(**broker, values == &state.in_t ? "t" : "u");
      if (!reader.ok()) return violate(reader.status());
      for (;;) {
        const auto batch = reader->Poll({});
        if (!batch.ok()) return violate(batch.status());
        if (batch->empty()) break;
        for (const RecordView& record : *batch) values->emplace_back(record.value);
      }
    }
    if (access == BrokerAccess::kReadOnly) return state;  // knows no groups
    const auto group = Admin(**broker).DescribeGroup(kGroup);
    if (!group.ok() && !absl::IsNotFound(group.status())) return violate(group.status());
    if (group.ok()) {
      for (const GroupOffset& place : group->offsets) {
        state.place = std::max<std::int64_t>(0, PlaceOf(place.committed));
      }
    }
    return state;
  }

  const ScratchDirectory scratch_;
  const Shape shape_;
  Tally& tally_;
  const Workload workload_;
  InSharedMemory<std::atomic<std::int64_t>> done_;
  std::int64_t changes_ = 0;
};

Tally RunKillStores(const RunOptions& options) {
  const std::int64_t seeds = options.shape == Shape::kSmall ? kSeeds : kSeedsOfDefault;
  return RunCases(options, seeds, [&](std::int64_t number, Tally& tally) {
    const std::int64_t stores =
        StoreCase(options.directory, options.shape, SeedOf(options, number), tally).Run();
    tally.Count("stores", stores);
    tally.Count("workloads");
    return stores;
  });
}

}  // namespace

Family KillStoresFamily() {
  return {.name = "kill-stores",
          .about = "a process is killed after each instruction that changes a file",
          .figure = "stores",
          .asked = {{Shape::kSmall, {.quick = 100, .ci = 0, .soak = 0}},
                    {Shape::kDefault, {.quick = 1, .ci = 0, .soak = 0}}},
          .run = RunKillStores};
}

}  // namespace daybook::torture
