#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "admin/directory_check.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/broker.h"
#include "daybook/producer.h"
#include "daybook/reader.h"
#include "daybook/transaction.h"
#include "segment/segment_steps.h"
#include "torture/family.h"
#include "torture/scratch.h"

// A broker is closed under load, at the default settings and with small segments whose files take
// their steps page by page, and another process takes its directory
// in the same moment: nothing that either was told is lost, and the closed one touches nothing. And
// what is around that: a lock whose file is taken away, and a program that prints with its standard
// descriptors closed.

namespace daybook::torture {
namespace {

constexpr std::size_t kThreads = 3;
constexpr int kPartitions = 3;
constexpr std::int64_t kOfNext = 50;
constexpr std::uint64_t kMostMicroseconds = 20'000;
// Much longer than anything takes that is waited for.
constexpr unsigned kAlarmSeconds = 120;

// What the two processes say of themselves.
struct Shared {
  std::array<std::atomic<std::int64_t>, kThreads> acknowledged{};
  std::atomic<std::int64_t> next_acknowledged{0};
  std::atomic<bool> is_open{false};
  std::atomic<bool> is_closed{false};       // Close has returned
  std::atomic<bool> has_next{false};        // the other process has opened
  std::atomic<bool> is_next_done{false};    // or has given up
  std::atomic<int> answers_after_close{0};  // OK, though it was closed
};

std::string ValueOf(std::size_t thread, std::int64_t number) {
  return absl::StrCat(thread, ":", number);
}

TopicOptions OptionsOf(Shape shape) {
  TopicOptions options;
  options.partitions = kPartitions;
  if (shape == Shape::kSmall) options.segment_bytes = 64 << 10;
  return options;
}

absl::StatusOr<std::unique_ptr<Broker>> OpenBroker(const std::string& directory, Shape shape) {
  auto broker = Broker::Open(directory);
  if (broker.ok() && shape == Shape::kSmall) Access::Core(*(*broker)).UseSteps(kSmallSteps);
  return broker;
}

bool AppendOne(Broker& broker, const Topic& topic, std::size_t thread, std::int64_t number) {
  const std::string value = ValueOf(thread, number);
  if (thread == 0) return topic.partition(0).Append({.value = value}).ok();
  if (thread == 1) {
    auto claim = topic.partition(1).Claim({.value_bytes = value.size()});
    if (!claim.ok()) return false;
    std::copy(value.begin(), value.end(), reinterpret_cast<char*>(claim->value().data()));
    std::move(*claim).Commit();
    return true;
  }
  // Some topic that comes and goes, and a transaction.
  broker.CreateTopic("passing").IgnoreError();
  broker.DeleteTopic("passing").IgnoreError();
  auto transaction = Transaction::Begin(broker);
  if (!transaction.ok()) return false;
  for (const int partition : {0, 2}) {
    if (!transaction->Send(topic, {.value = value, .partition = partition}).ok()) return false;
  }
  return transaction->Commit().ok();
}

[[noreturn]] void RunFirst(const std::string& directory, Shape shape, std::uint64_t delay,
                           Shared& shared) {
  alarm(kAlarmSeconds);
  auto broker = OpenBroker(directory, shape);
  if (!broker.ok()) _exit(3);
  const auto topic = (*broker)->OpenTopic("t");
  if (!topic.ok()) _exit(4);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::int64_t number = 0; !shared.is_next_done;) {
        const bool was_closed = shared.is_closed;
        if (!AppendOne(**broker, *topic, thread, number)) continue;
        shared.acknowledged[thread] = ++number;
        if (was_closed) ++shared.answers_after_close;
      }
    });
  }
  shared.is_open = true;
  std::this_thread::sleep_for(std::chrono::microseconds(delay));
  // A thread may be held up in the middle of an append for longer than Close waits.
  while (absl::IsDeadlineExceeded((*broker)->Close())) {
  }
  shared.is_closed = true;
  for (std::thread& thread : threads) thread.join();
  _exit(0);
}

// The next process: takes the directory as soon as it can, and uses it.
void RunNext(const std::string& directory, Shape shape, Shared& shared, Tally& tally) {
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(kAlarmSeconds);
  for (;;) {
    auto broker = OpenBroker(directory, shape);
    if (!broker.ok() && std::chrono::steady_clock::now() > give_up_at) {
      return tally.Violate(absl::StrCat("a closed directory: ", broker.status().ToString()));
    }
    if (!broker.ok()) continue;
    shared.has_next = true;
    const auto topic = (*broker)->OpenTopic("t");
    if (!topic.ok()) return tally.Violate(absl::StrCat("next: ", topic.status().ToString()));
    for (std::int64_t number = 0; number < kOfNext; ++number) {
      for (int partition = 0; partition < kPartitions; ++partition) {
        const std::string value = ValueOf(kThreads, number);
        const auto offset = topic->partition(partition).Append({.value = value});
        if (!offset.ok()) return tally.Violate(absl::StrCat("next: ", offset.status().ToString()));
        const auto read = topic->partition(partition).Read(*offset, {.max_records = 1});
        if (!read.ok() || read->empty() || read->begin()->value != value) {
          return tally.Violate(absl::StrCat("next: offset ", offset->value(), " of partition ",
                                            partition, " is not what was appended there"));
        }
      }
      shared.next_acknowledged = number + 1;
    }
    if (auto status = (*broker)->CreateTopic("next"); !status.ok()) {
      tally.Violate(absl::StrCat("next: ", status.ToString()));
    }
    return;
  }
}

void CheckAll(const std::string& directory, Shared& shared, Tally& tally) {
  const auto root = FileSystem::Posix().OpenDirectory(directory, DirectoryMode::kMustExist);
  if (!root.ok()) return tally.Violate(root.status().ToString());
  auto broker = Broker::Open(directory);
  if (!broker.ok()) return tally.Violate(absl::StrCat("after: ", broker.status().ToString()));
  if (!(*broker)->OpenTopic("next").ok()) tally.Violate("the topic of the next process is gone");
  auto reader = Reader::Open(**broker, "t");
  if (!reader.ok()) return tally.Violate(reader.status().ToString());
  std::map<std::string, int> seen;
  for (;;) {
    const auto batch = reader->Poll({});
    if (!batch.ok()) return tally.Violate(absl::StrCat("after: ", batch.status().ToString()));
    if (batch->empty()) break;
    for (const RecordView& record : *batch) ++seen[std::string(record.value)];
  }
  const auto check = [&](std::size_t thread, std::int64_t acknowledged, int copies) {
    for (std::int64_t number = 0; number < acknowledged; ++number) {
      const int found = seen[ValueOf(thread, number)];
      if (found == copies) continue;
      return tally.Violate(absl::StrCat("acknowledged record ", ValueOf(thread, number),
                                        " is there ", found, " times of ", copies));
    }
  };
  check(0, shared.acknowledged[0], 1);
  check(1, shared.acknowledged[1], 1);
  check(2, shared.acknowledged[2], 2);
  check(kThreads, shared.next_acknowledged, kPartitions);
  (*broker)->Close().IgnoreError();
  const auto verified = VerifyDirectory(**root, FileSystem::Posix().BootId(), {});
  if (!verified.ok()) return tally.Violate(verified.status().ToString());
  if (verified->has_damage()) tally.Violate("the files are damaged");
}

void HandOver(const std::string& directory, Shape shape, std::uint64_t seed, Tally& tally) {
  std::mt19937_64 random(seed);
  {
    auto broker = Broker::Open(directory);
    if (!broker.ok() || !(*broker)->CreateTopic("t", OptionsOf(shape)).ok()) {
      return tally.Violate("it cannot be made");
    }
  }
  InSharedMemory<Shared> shared;
  const pid_t first = fork();
  if (first == 0) RunFirst(directory, shape, random() % kMostMicroseconds, *shared);
  int status = 0;
  while (!shared->is_open && waitpid(first, &status, WNOHANG) == 0) std::this_thread::yield();
  // The file may be gone; what is locked is the directory.
  if (random() % 2 == 0) unlink(absl::StrCat(directory, "/daybook.lock").c_str());
  RunNext(directory, shape, *shared, tally);
  shared->is_next_done = true;
  waitpid(first, &status, 0);
  if (status != 0) return tally.Violate(absl::StrCat("the closed process ended with ", status));
  if (shared->answers_after_close != 0) tally.Violate("a closed broker answered OK");
  CheckAll(directory, *shared, tally);
}

// A daemon that closes its standard descriptors before it opens or after that, and prints all the
// same, at the beginning of whatever is there.
void PrintWithout(const std::string& directory, Shape shape, std::uint64_t seed, Tally& tally) {
  constexpr int kRecords = 100;
  const pid_t child = fork();
  if (child == 0) {
    alarm(kAlarmSeconds);
    const auto close_all = [] {
      for (int fd = 0; fd <= 2; ++fd) close(fd);
    };
    if (seed % 2 == 0) close_all();
    auto broker = OpenBroker(directory, shape);
    if (!broker.ok()) _exit(3);
    if (seed % 2 != 0) close_all();
    std::atomic<bool> is_done{false};
    std::thread prints([&] {
      while (!is_done) {
        for (int fd = 0; fd <= 2; ++fd) {
          // Not by pwrite: a descriptor that another thread opens meanwhile, which is what this is
          // about, ThreadSanitizer takes for a race.
          if (syscall(SYS_pwrite64, fd, "a line of a log\n", 16, 0) < 0) std::this_thread::yield();
        }
      }
    });
    const auto topic = (*broker)->OpenTopic("t");
    for (int i = 0; i < kRecords; ++i) {
      const std::string value = absl::StrCat("printed ", i);
      const auto offset = topic->partition(i % kPartitions)
                              .Append({.value = value}, {.durability = Durability::kDisk});
      if (!offset.ok()) _exit(4);
    }
    is_done = true;
    prints.join();
    _exit((*broker)->Close().ok() ? 0 : 5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) tally.Violate(absl::StrCat("a program without descriptors: ", status));
}

Tally RunCloses(const RunOptions& options) {
  return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
    const ScratchDirectory scratch(options.directory);
    const std::string directory = scratch.path() + "/data";
    RunInChild(tally, [&](Tally& inner) {
      const std::uint64_t seed = SeedOf(options, number);
      HandOver(directory, options.shape, seed, inner);
      if (!inner.violations().empty()) return;
      PrintWithout(directory, options.shape, seed, inner);
      InSharedMemory<Shared> nothing;
      CheckAll(directory, *nothing, inner);
    });
    tally.Count("closes");
    return std::int64_t{1};
  });
}

}  // namespace

Family CloseFamily() {
  return {.name = "close",
          .about = "a broker is closed under load, and another process opens its directory at once",
          .figure = "closes",
          .asked = {{Shape::kSmall, {.quick = 3, .ci = 150, .soak = 10'000}},
                    {Shape::kDefault, {.quick = 3, .ci = 200, .soak = 10'000}}},
          .run = RunCloses};
}

}  // namespace daybook::torture
