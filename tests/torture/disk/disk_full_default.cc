#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daybook/broker.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/scratch.h"

// Disks of 3 to 300 MiB run full at the settings that people use: segments of 64 MiB, the broker's
// own threads, several threads that append to several partitions. The process is killed at some
// moment, or when nothing fits any more; another one finds every record that was acknowledged, and
// goes on once there is space.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr int kMostThreads = 4;
constexpr int kMostPartitions = 8;
constexpr int kRetries = 20;      // of each thread, on the full disk
constexpr int kMoreRecords = 50;  // to each partition, once there is space
// On a disk that refuses to give anything there is no more space than this.
constexpr std::uint64_t kMostLeft = kMebibyte;
constexpr char kTopic[] = "t";

enum class Kind { kTmpfs, kExt4, kXfs };

struct Plan {
  Kind kind = Kind::kTmpfs;
  std::uint64_t mebibytes = 3;
  std::uint64_t ballast = 0;  // bytes that are taken until space is freed
  int threads = 1;
  int partitions = 1;
  std::size_t value_bytes = 100;
  // The first thread kills the process with this append; 0: when nothing fits any more.
  std::int64_t kill_at = 0;
};

Plan PlanOf(std::int64_t number, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t from, std::uint64_t to) {
    return from + random() % (to - from + 1);
  };
  Plan plan;
  if (number % 30 == 29) {
    plan.kind = Kind::kXfs;
    plan.mebibytes = kLeastXfsMebibytes;
  } else {
    plan.kind = number % 3 == 2 ? Kind::kExt4 : Kind::kTmpfs;
    const std::uint64_t size = random() % 40;
    plan.mebibytes = size < 32 ? pick(3, 24) : size < 38 ? pick(25, 90) : pick(91, 300);
  }
  plan.ballast = std::max(kMebibyte, plan.mebibytes * kMebibyte / 8);
  if (plan.kind == Kind::kXfs) plan.ballast = pick(100, 250) * kMebibyte;
  plan.threads = static_cast<int>(pick(1, kMostThreads));
  plan.partitions = static_cast<int>(pick(1, kMostPartitions));
  static constexpr std::array<std::size_t, 3> kValues = {100, 1'000, 30'000};
  plan.value_bytes = kValues[random() % kValues.size()];
  const std::uint64_t all = plan.mebibytes * kMebibyte / (plan.value_bytes + 24) /
                            static_cast<std::uint64_t>(plan.threads);
  if (random() % 3 != 0) plan.kill_at = static_cast<std::int64_t>(1 + random() % (all + 1));
  return plan;
}

// How many records a thread has had acknowledged in a partition.
using Counts = std::array<std::array<std::atomic<std::int64_t>, kMostPartitions>, kMostThreads>;

struct Notes {
  Counts acknowledged{};
  std::atomic<std::int64_t> refused{0};
  std::atomic<std::uint64_t> most_left{0};  // bytes that were free after a refusal
  std::atomic<bool> has_failed{false};
  std::array<char, 400> failure{};

  void Fail(const absl::Status& status) {
    if (has_failed.exchange(true)) return;
    std::strncpy(failure.data(), std::string(status.message()).c_str(), failure.size() - 1);
  }
};

class DefaultDisk {
 public:
  DefaultDisk(std::string mounted, const Plan& plan, std::uint64_t seed, Tally& tally)
      : mounted_(std::move(mounted)), plan_(plan), seed_(seed), tally_(tally) {}

  void Run() {
    if (!TakeBallast()) return tally_.Skip("disks: the ballast cannot be allocated");
    std::fflush(nullptr);
    const pid_t writer = fork();
    if (writer == 0) Write();
    int status = 0;
    waitpid(writer, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      return tally_.Violate(absl::StrCat(
          Describe(), "the writer ended with ",
          WIFSIGNALED(status)
              ? absl::StrCat("signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")")
              : absl::StrCat("status ", WEXITSTATUS(status))));
    }
    if (notes_->has_failed) {
      return tally_.Violate(absl::StrCat(Describe(), "the writer: ", notes_->failure.data()));
    }
    if (plan_.kind == Kind::kTmpfs && notes_->most_left > kMostLeft + plan_.value_bytes) {
      return tally_.Violate(
          absl::StrCat(Describe(), "refused while ", notes_->most_left.load(), " bytes were free"));
    }
    tally_.Count("refused for lack of space", notes_->refused);
    Check();
    if (!tally_.violations().empty()) return;
    unlink((mounted_ + "/ballast").c_str());
    GoOn();
    if (tally_.violations().empty()) Check();
  }

 private:
  std::string Describe() const {
    return absl::StrCat(plan_.mebibytes, " MiB, ", plan_.threads, " threads, ", plan_.partitions,
                        " partitions, ", plan_.value_bytes, " B: ");
  }
  std::string directory() const { return mounted_ + "/data"; }

  bool TakeBallast() const {
    const int fd =
        open((mounted_ + "/ballast").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return false;
    const bool is_taken = fallocate(fd, 0, 0, static_cast<off_t>(plan_.ballast)) == 0;
    close(fd);
    return is_taken;
  }

  std::string ValueOf(int thread, std::int64_t number) const {
    std::string value = absl::StrCat(thread, "-", number, " ");
    value.resize(std::max(value.size(), plan_.value_bytes), static_cast<char>('a' + number % 26));
    return value;
  }

  void Append(Topic& topic, int thread) {
    std::mt19937_64 random(seed_ + static_cast<std::uint64_t>(thread));
    auto& mine = notes_->acknowledged[static_cast<std::size_t>(thread)];
    int refusals = 0;
    for (std::int64_t n = 1; refusals < kRetries; ++n) {
      if (thread == 0 && n == plan_.kill_at) kill(getpid(), SIGKILL);
      const auto where = random() % static_cast<std::uint64_t>(plan_.partitions);
      const std::string value = ValueOf(thread, mine[where]);
      Record record;
      record.value = value;
      const auto offset = topic.partition(static_cast<int>(where)).Append(record);
      if (offset.ok()) {
        mine[where].fetch_add(1);
        continue;
      }
      if (!absl::IsResourceExhausted(offset.status())) return notes_->Fail(offset.status());
      ++refusals;
      notes_->refused.fetch_add(1);
      struct statvfs left {};
      if (statvfs(mounted_.c_str(), &left) != 0) continue;
      const std::uint64_t bytes = std::uint64_t{left.f_bavail} * left.f_frsize;
      if (bytes > notes_->most_left) notes_->most_left = bytes;
    }
  }

  // Of the process that is killed.
  [[noreturn]] void Write() {
    const auto broker = Broker::Open(directory());
    absl::Status status = broker.status();
    if (status.ok()) status = (*broker)->CreateTopic(kTopic, {.partitions = plan_.partitions});
    if (status.ok()) {
      Topic topic = (*broker)->OpenTopic(kTopic).value();
      std::vector<std::thread> threads;
      for (int i = 0; i < plan_.threads; ++i) {
        threads.emplace_back([this, &topic, i] { Append(topic, i); });
      }
      for (std::thread& thread : threads) thread.join();
    } else {
      notes_->Fail(status);
    }
    kill(getpid(), SIGKILL);
    std::abort();
  }

  void Check() {
    const auto broker = Broker::Open(directory());
    if (!broker.ok()) return Violate("open: ", broker.status());
    auto topic = (*broker)->OpenTopic(kTopic);
    // The process may have been killed before.
    if (absl::IsNotFound(topic.status())) return;
    if (!topic.ok()) return Violate("open the topic: ", topic.status());
    for (int i = 0; i < plan_.partitions; ++i) CheckPartition(topic->partition(i), i);
    tally_.Count("records read", records_);
  }

  void CheckPartition(Partition& partition, int which) {
    std::array<std::int64_t, kMostThreads + 1> next{};
    Offset at(0);
    for (;;) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) return Violate("read: ", batch.status());
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const int thread = record.value.empty() ? -1 : record.value[0] - '0';
        if (thread < 0 || thread > kMostThreads ||
            record.value != ValueOf(thread, next[static_cast<std::size_t>(thread)])) {
          return tally_.Violate(absl::StrCat(Describe(), "wrong at offset ", record.offset.value(),
                                             ": ", std::string(record.value.substr(0, 20))));
        }
        ++next[static_cast<std::size_t>(thread)];
        ++records_;
      }
      at = batch->next_offset();
    }
    for (std::size_t thread = 0; thread < kMostThreads; ++thread) {
      const std::int64_t acknowledged =
          notes_->acknowledged[thread][static_cast<std::size_t>(which)];
      if (next[thread] < acknowledged || next[thread] > acknowledged + 1) {
        tally_.Violate(absl::StrCat(Describe(), next[thread], " of ", acknowledged,
                                    " acknowledged records of thread ", thread));
      }
    }
    if (next[kMostThreads] != more_) {
      tally_.Violate(absl::StrCat(Describe(), next[kMostThreads], " of ", more_,
                                  " records that came when there was space again"));
    }
  }

  // As one more thread.
  void GoOn() {
    const auto broker = Broker::Open(directory());
    if (!broker.ok()) return Violate("open with space again: ", broker.status());
    const auto made = (*broker)->CreateTopic(kTopic, {.partitions = plan_.partitions});
    if (!made.ok() && !absl::IsAlreadyExists(made)) return Violate("create: ", made);
    Topic topic = (*broker)->OpenTopic(kTopic).value();
    const auto fits =
        static_cast<std::int64_t>(plan_.ballast / 2 / static_cast<std::uint64_t>(plan_.partitions) /
                                  (plan_.value_bytes + 24));
    more_ = std::min<std::int64_t>(kMoreRecords, fits);
    for (int i = 0; i < plan_.partitions; ++i) {
      for (std::int64_t n = 0; n < more_; ++n) {
        const std::string value = ValueOf(kMostThreads, n);
        Record record;
        record.value = value;
        const auto offset = topic.partition(i).Append(record);
        if (!offset.ok()) return Violate("append with space again: ", offset.status());
      }
    }
    if (const auto status = (*broker)->Close(); !status.ok()) Violate("close: ", status);
  }

  void Violate(std::string_view what, const absl::Status& status) {
    tally_.Violate(absl::StrCat(Describe(), std::string(what), status.ToString()));
  }

  const std::string mounted_;
  const Plan& plan_;
  const std::uint64_t seed_;
  Tally& tally_;
  InSharedMemory<Notes> notes_;
  std::int64_t more_ = 0;
  std::int64_t records_ = 0;
};

void RunPlan(const std::string& scratch, const Plan& plan, std::uint64_t seed, Tally& tally) {
  if (!IsAllowedToMount()) return tally.Skip("this process may not mount file systems");
  std::string mounted = scratch + "/mounted";
  std::string name = "tmpfs";
  if (plan.kind == Kind::kTmpfs) {
    mounted = scratch;
    const std::string size = absl::StrCat("size=", plan.mebibytes, "m");
    if (mount("tmpfs", mounted.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      return tally.Skip("tmpfs: this process may not mount it");
    }
  } else if (plan.kind == Kind::kExt4) {
    name = "ext4";
    if (!MakeExt4(scratch, static_cast<int>(plan.mebibytes), "-m 0 -O ^has_journal")) {
      return tally.Skip("ext4: it needs root, its mkfs and loop devices");
    }
  } else {
    name = "XFS";
    if (!MakeXfs(scratch)) return tally.Skip("XFS: it needs root, its mkfs and loop devices");
  }
  DefaultDisk(mounted, plan, seed, tally).Run();
  UnmountFrom(mounted);
  tally.Count("disks");
  tally.Count("disks of " + name);
  tally.Count("MiB", static_cast<std::int64_t>(plan.mebibytes));
}

}  // namespace

Family DiskFullDefaultFamily() {
  return {.name = "disk-full-default",
          .about = "disks of 3 to 300 MiB run full at the default settings: tmpfs, ext4 and XFS",
          .figure = "disks",
          .asked = {{Shape::kDefault, {.quick = 6, .ci = 300, .soak = 2'000}}},
          .run = [](const RunOptions& options) {
            return RunCases(options, kUnbounded, [&](std::int64_t number, Tally& tally) {
              const std::uint64_t seed = SeedOf(options, number);
              const Plan plan = PlanOf(number, seed);
              const ScratchDirectory scratch(options.directory);
              // A crash ends the child alone, and is a violation.
              RunInChild(tally, [&](Tally& inner) { RunPlan(scratch.path(), plan, seed, inner); });
              return std::int64_t{1};
            });
          }};
}

}  // namespace daybook::torture
