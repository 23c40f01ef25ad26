#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "daybook/simulated_file_system.h"
#include "torture/family.h"
#include "torture/scratch.h"
#include "torture/workload.h"

// Disks of every size, in steps of 4 KiB, run full: the simulated one, and, where the machine
// allows to mount, tmpfs and ext4 of the real kernel. What does not fit answers ResourceExhausted
// and nothing else happens; everything is read; when there is space again, all goes on.

namespace daybook::torture {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::int64_t kKinds = 3;
constexpr int kSteps = 40;

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
    if (workload.broker() != nullptr) CheckReads(*workload.broker());
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

// Into a namespace of our own, so that mounts go with the process.
bool IsAllowedToMount() {
  return unshare(CLONE_NEWNS) == 0 &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
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

void RunExt4(const std::string& directory, std::uint64_t pages, std::uint64_t seed, Tally& tally) {
  const std::string image = directory + "/image";
  const std::string mounted = directory + "/mounted";
  std::filesystem::create_directory(mounted);
  const std::string make = absl::StrCat(
      "truncate -s 8M ", image, " && mkfs.ext4 -q -F -b 4096 -m 0 -O ^has_journal ", image,
      " >/dev/null 2>&1 && mount -o loop ", image, " ", mounted, " 2>/dev/null");
  if (std::system(make.c_str()) != 0) {
    return tally.Skip("ext4: it needs root, mkfs.ext4 and loop devices");
  }
  // What is not to be free is taken by a file.
  struct statvfs free {};
  statvfs(mounted.c_str(), &free);
  const std::string ballast = mounted + "/ballast";
  const int fd = open(ballast.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  const auto taken =
      static_cast<off_t>((free.f_bavail - std::min<std::uint64_t>(pages, free.f_bavail)) * kPage);
  if (fd < 0 || (taken != 0 && fallocate(fd, 0, 0, taken) != 0)) {
    tally.Skip("ext4: its blocks cannot be allocated");
  } else {
    FullDisk(FileSystem::Posix(), mounted + "/data", seed, tally).Run([&] {
      unlink(ballast.c_str());
      close(fd);
    });
    tally.Count("sizes");
    tally.Count("sizes of ext4");
  }
  umount2(mounted.c_str(), MNT_DETACH);
}

std::int64_t RunCase(const RunOptions& options, std::int64_t number, Tally& tally) {
  const auto pages = static_cast<std::uint64_t>(number / kKinds + 1);
  const std::uint64_t seed = SeedOf(options, number);
  if (number % kKinds == 0) {
    RunSimulated(pages, seed, tally);
    return 1;
  }
  const ScratchDirectory scratch(options.directory);
  // A SIGBUS ends the child alone, and is a violation.
  RunInChild(tally, [&](Tally& inner) {
    if (!IsAllowedToMount()) return inner.Skip("tmpfs and ext4: this process may not mount them");
    number % kKinds == 1 ? RunTmpfs(scratch.path(), pages, seed, inner)
                         : RunExt4(scratch.path(), pages, seed, inner);
  });
  return 1;
}

}  // namespace

Family DiskFullFamily() {
  return {.name = "disk-full",
          .about = "disks of every size, in steps of 4 KiB, run full: simulated, tmpfs and ext4",
          .figure = "sizes",
          .asked = {.quick = 60, .ci = 768, .soak = 6'144},
          .run = [](const RunOptions& options) {
            const std::int64_t cases = options.amount == 0 ? 768 : options.amount;
            return RunCases(options, cases, [&](std::int64_t number, Tally& tally) {
              return RunCase(options, number, tally);
            });
          }};
}

}  // namespace daybook::torture
