#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "broker/access.h"
#include "broker/broker_core.h"
#include "daybook/system/simulated_file_system.h"
#include "torture/disk/mounts.h"
#include "torture/family.h"
#include "torture/scratch.h"
#include "torture/workload.h"

// Disks of every size, in steps of 4 KiB, run full: the simulated one, and, where the machine
// allows to mount, tmpfs and ext4 of the real kernel. What does not fit answers ResourceExhausted
// and nothing else happens; everything is read; when there is space again, all goes on.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::int64_t kKinds = 4;  // simulated, tmpfs, ext4 and, with --budget soak, XFS
// Up to 2 MiB each: on the larger half the store of offsets has its reserve.
constexpr std::int64_t kCases = 1'536;
constexpr int kSteps = 40;
constexpr int kCommits = 20'000;  // many times as many as fit in the reserve

class FullDisk {
 public:
  FullDisk(FileSystem& disk, std::string directory, std::uint64_t seed, Tally& tally)
      : disk_(disk), directory_(std::move(directory)), seed_(seed), tally_(tally) {}

  // `make_space` ends the lack of it.
  void Run(const std::function<void()>& make_space) {
    Workload workload(
        disk_, directory_, seed_, StandardTopics(), model_,
        [this](const absl::Status& status, std::string_view what) { OnError(status, what); });
    for (int i = 0; i < kSteps && tally_.violations().empty(); ++i) workload.Step();
    if (workload.broker() != nullptr) {
      CheckReads(*workload.broker());
      CheckCommits(*workload.broker());
    }
    make_space();
    is_full_ = false;
    for (int i = 0; i < kSteps / 4 && tally_.violations().empty(); ++i) workload.Step();
    workload.Close();
    if (tally_.violations().empty()) {
      Check(disk_, directory_, model_, {.fault = Fault::kKill}, tally_);
    }
  }

 private:
  void OnError(const absl::Status& status, std::string_view what) {
    if (is_full_ && absl::IsResourceExhausted(status)) {
      tally_.Count("refused for lack of space");
      return;
    }
    tally_.Violate(absl::StrCat(is_full_ ? "on the full disk: " : "with space again: ",
                                std::string(what), ": ", status.ToString()));
  }
  void CheckReads(Broker& broker) { CheckBroker(broker, model_, {.fault = Fault::kKill}, tally_); }

  // They go on for as long as anybody likes, once the store of offsets has its reserve.
  void CheckCommits(Broker& broker) {
    const auto log = broker.OpenTopic(kOffsetsTopic);
    if (!log.ok() || Access::Log(log->partition(0)).lacks_reserve()) return;
    const OffsetStore::Key key{"reserve", StandardTopics().front().name, 0};
    for (int i = 0; i < kCommits; ++i) {
      const auto status = Access::Core(broker).offsets().Commit(key, Offset(0), absl::StrCat(i));
      if (status.ok()) continue;
      return tally_.Violate(absl::StrCat("commit ", i, " on the full disk: ", status.ToString()));
    }
    tally_.Count("full disks on which commits go on");
  }

  FileSystem& disk_;
  const std::string directory_;
  const std::uint64_t seed_;
  Tally& tally_;
  Model model_;
  bool is_full_ = true;
};

void RunSimulated(std::uint64_t pages, std::uint64_t seed, Tally& tally) {
  SimulatedFileSystem disk;
  disk.SetCapacity(pages * kPage);
  FullDisk(disk, "/data", seed, tally).Run([&] { disk.SetCapacity(~std::uint64_t{0}); });
  tally.Count("sizes");
}

void RunTmpfs(const std::string& directory, std::uint64_t pages, std::uint64_t seed, Tally& tally) {
  const std::string size = absl::StrCat("size=", pages * kPage);
  if (mount("tmpfs", directory.c_str(), "tmpfs", 0, size.c_str()) != 0) {
    return tally.Skip("tmpfs: this process may not mount it");
  }
  FullDisk(FileSystem::Posix(), absl::StrCat(directory, "/data"), seed, tally).Run([&] {
    mount("tmpfs", directory.c_str(), "tmpfs", MS_REMOUNT, "size=64m");
  });
  tally.Count("sizes");
  tally.Count("sizes of tmpfs");
}

void RunOnDisk(bool is_xfs, const std::string& directory, std::uint64_t pages, std::uint64_t seed,
               Tally& tally) {
  const std::string mounted = directory + "/mounted";
  const std::string name = is_xfs ? "XFS" : "ext4";
  if (is_xfs ? !MakeXfs(directory) : !MakeExt4(directory, 8, "-m 0 -O ^has_journal")) {
    return tally.Skip(name + ": it needs root, its mkfs and loop devices");
  }
  // What is not to be free is taken by a file.
  struct statvfs free {};
  statvfs(mounted.c_str(), &free);
  const std::string ballast = mounted + "/ballast";
  const int fd = open(ballast.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  const auto taken =
      static_cast<off_t>((free.f_bavail - std::min<std::uint64_t>(pages, free.f_bavail)) * kPage);
  if (fd < 0 || (taken != 0 && fallocate(fd, 0, 0, taken) != 0)) {
    tally.Skip(name + ": its blocks cannot be allocated");
  } else {
    FullDisk(FileSystem::Posix(), mounted + "/data", seed, tally).Run([&] {
      unlink(ballast.c_str());
      close(fd);
    });
    tally.Count("sizes");
    tally.Count("sizes of " + name);
  }
  Unmount(directory);
}

std::int64_t RunCase(const RunOptions& options, std::int64_t number, Tally& tally) {
  const std::int64_t kinds = options.is_deep ? kKinds : kKinds - 1;
  const auto pages = static_cast<std::uint64_t>(number / kinds + 1);
  const std::int64_t kind = number % kinds;
  const std::uint64_t seed = SeedOf(options, number);
  if (kind == 0) {
    RunSimulated(pages, seed, tally);
    return 1;
  }
  const ScratchDirectory scratch(options.directory);
  // A SIGBUS ends the child alone, and is a violation.
  RunInChild(tally, [&](Tally& inner) {
    if (!IsAllowedToMount()) return inner.Skip("tmpfs and ext4: this process may not mount them");
    kind == 1 ? RunTmpfs(scratch.path(), pages, seed, inner)
              : RunOnDisk(kind == 3, scratch.path(), pages, seed, inner);
  });
  return 1;
}

}  // namespace

Family DiskFullFamily() {
  return {.name = "disk-full",
          .about = "disks of every size, in steps of 4 KiB, run full: simulated, tmpfs and ext4",
          .figure = "sizes",
          .asked = {{Shape::kSmall, {.quick = 60, .ci = kCases, .soak = 6'144}}},
          .run = [](const RunOptions& options) {
            const std::int64_t cases = options.amount == 0 ? kCases : options.amount;
            return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
              return RunCase(options, number, tally);
            });
          }};
}

}  // namespace daybook::torture
