#include "io/posix_file.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "catch.h"
#include "daybook/broker.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "torture/disk/mounts.h"

namespace daybook {
namespace {

struct FileFixture {
  TemporaryDirectory where;
  std::unique_ptr<Directory> directory =
      FileSystem::Posix().OpenDirectory(where.path(), DirectoryMode::kMustExist).value();
  std::unique_ptr<File> file = directory->OpenFile("f", FileMode::kCreate).value();

  void Write(std::uint64_t position, std::string_view text) {
    REQUIRE(file->WriteAt(position, std::as_bytes(std::span(text))).ok());
  }
  std::string Read(std::uint64_t position, std::size_t size) {
    std::string text(size, '?');
    text.resize(file->ReadAt(position, std::as_writable_bytes(std::span(text))).value());
    return text;
  }
  std::uint64_t blocks() const {
    struct stat status {};
    REQUIRE(stat((where.path() + "/f").c_str(), &status) == 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
};

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

// From now on fallocate fails so in this process. False: it may not ask for that.
bool ForbidFallocate(int error) {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fallocate, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("Reading gives what was written and less only at the end") {
  FileFixture fixture;
  fixture.Write(3, "text");
  CHECK(fixture.Read(0, 100) == std::string("\0\0\0text", 7));
  CHECK(fixture.Read(5, 1) == "x");
  CHECK(fixture.Read(7, 10).empty());
  CHECK(fixture.file->Size().value() == 7);
}

TEST_CASE("Allocation gives real blocks of zeros and keeps what is there") {
  FileFixture fixture;
  fixture.Write(0, "kept");
  REQUIRE(fixture.file->Allocate(1 << 20).ok());
  CHECK(fixture.file->Size().value() == 1 << 20);
  CHECK(fixture.blocks() >= 1 << 20);
  CHECK(fixture.Read(0, 6) == std::string("kept\0\0", 6));
  REQUIRE(fixture.file->Allocate(4096).ok());
  CHECK(fixture.file->Size().value() == 1 << 20);
  CHECK(fixture.file->Allocate(0).ok());
}

TEST_CASE(
    "What has its blocks can be allocated on an XFS that is full, and grows by what is free") {
  constexpr std::uint64_t kPage = 4096;
  const TemporaryDirectory where;
  if (!torture::IsAllowedToMount() || !torture::MakeXfs(where.path())) {
    WARN("skipped: no XFS can be mounted; it needs root, mkfs.xfs and loop devices");
    return;
  }
  {
    const std::string mounted = where.path() + "/mounted";
    const auto directory = FileSystem::Posix().OpenDirectory(mounted, DirectoryMode::kMustExist);
    const auto file = (*directory)->OpenFile("f", FileMode::kCreate).value();
    const auto rest = (*directory)->OpenFile("rest", FileMode::kCreate).value();
    constexpr std::uint64_t kBytes = 1 << 20;
    REQUIRE(file->Allocate(kBytes).ok());
    const std::string text(kPage, 'x');
    REQUIRE(file->WriteAt(8 * kPage, std::as_bytes(std::span(text))).ok());
    // A hole of 4 pages, as after a power cut.
    REQUIRE(file->Deallocate(2 * kPage, 6 * kPage).ok());
    std::uint64_t taken = 0;
    for (std::uint64_t step = 64 << 20; step >= 64 * kPage; step /= 2) {
      while (rest->Allocate(taken + step).ok()) taken += step;
    }
    struct statvfs free {};
    REQUIRE(statvfs(mounted.c_str(), &free) == 0);
    CHECK(free.f_bavail * kPage < kBytes);
    REQUIRE(free.f_bavail > 16);  // what XFS wants for each extent
    CHECK(file->Allocate(kBytes).ok());
    struct stat status {};
    REQUIRE(stat((mounted + "/f").c_str(), &status) == 0);
    CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 >= kBytes);
    CHECK(file->Allocate(kBytes + kPage).ok());
    CHECK(file->Size().value() == kBytes + kPage);
    CHECK(absl::IsResourceExhausted(file->Allocate(2 * kBytes)));
    CHECK(file->Size().value() == kBytes + kPage);
    // The page of its end is there, and the file ends within it.
    REQUIRE(file->WriteAt(kBytes + kPage, std::as_bytes(std::span("end", 3))).ok());
    REQUIRE(file->Size().value() == kBytes + kPage + 3);
    CHECK(file->Allocate(kBytes + 2 * kPage).ok());
    CHECK(file->Size().value() == kBytes + 2 * kPage);
    std::string read(kPage, '?');
    CHECK(file->ReadAt(8 * kPage, std::as_writable_bytes(std::span(read))).value() == kPage);
    CHECK(read == text);
  }
  torture::Unmount(where.path());
}

TEST_CASE("Deallocation gives whole pages back, reads as zeros and keeps the size") {
  FileFixture fixture;
  fixture.Write(0, std::string(16 << 10, 'x'));
  REQUIRE(fixture.file->Sync().ok());
  const std::uint64_t before = fixture.blocks();
  REQUIRE(fixture.file->Deallocate(100, 13'000).ok());
  CHECK(fixture.file->Size().value() == 16 << 10);
  CHECK(fixture.Read(0, 4096) == std::string(4096, 'x'));
  CHECK(fixture.Read(4096, 8192) == std::string(8192, '\0'));
  CHECK(fixture.Read(12288, 4096) == std::string(4096, 'x'));
  CHECK(fixture.blocks() < before);
  CHECK(fixture.file->Deallocate(8192, 8192).ok());
}

TEST_CASE("Pages that are let go hold what was written through them") {
  FileFixture fixture;
  REQUIRE(fixture.file->Allocate(1 << 20).ok());
  const auto mapped = fixture.file->Map(1 << 20, MapAccess::kReadWrite).value();
  std::memset(mapped->data(), 'x', 1 << 20);
  mapped->ReleasePages(4096, 1 << 19);
  CHECK(fixture.Read(8192, 3) == "xxx");
  CHECK(mapped->data()[8192] == std::byte{'x'});
}

TEST_CASE("A mapping and the file are the same bytes, and the mapping outlives the file") {
  FileFixture fixture;
  REQUIRE(fixture.file->Allocate(8192).ok());
  const auto mapped = fixture.file->Map(1 << 20, MapAccess::kReadWrite).value();
  std::memcpy(mapped->data() + 100, "through the map", 15);
  CHECK(fixture.Read(100, 15) == "through the map");
  fixture.Write(200, "through the file");
  fixture.file.reset();
  REQUIRE(fixture.directory->RemoveFile("f").ok());
  CHECK(std::memcmp(mapped->data() + 200, "through the file", 16) == 0);
}

TEST_CASE(
    "A file that is longer than the limit on file sizes is refused where it would be a signal") {
  FileFixture fixture;
  REQUIRE(fixture.directory->OpenFile("b", FileMode::kCreate).value()->Allocate(2 << 20).ok());
  const int failed = InChild([&] {
    const rlimit limit{1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto file = fixture.directory->OpenFile("b", FileMode::kReadWrite).value();
    if (!absl::IsResourceExhausted(file->WriteAt((2 << 20) - 1, BytesOf("x")))) return 2;
    if (!absl::IsResourceExhausted(file->Allocate(3 << 20))) return 3;
    if (!absl::IsResourceExhausted(file->Allocate(2 << 20))) return 4;
    if (!file->WriteAt(0, BytesOf("x")).ok()) return 5;
    return file->Size().value() == 2 << 20 ? 0 : 6;
  });
  CHECK(failed == 0);
}

TEST_CASE("Appends under a limit on file sizes are refused, saying which, and the process lives") {
  FileFixture fixture;
  const int failed = InChild([&] {
    const rlimit limit{1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    auto broker = Broker::Open(fixture.where.path() + "/data");
    if (!broker.ok() || !(*broker)->CreateTopic("t", {.segment_bytes = 64 << 20}).ok()) return 2;
    Topic topic = (*broker)->OpenTopic("t").value();
    const std::string value(10'000, 'x');
    absl::Status status;
    for (int i = 0; i < 1'000 && status.ok(); ++i) {
      Record record;
      record.value = value;
      status = topic.partition(0).Append(record).status();
    }
    if (!absl::IsResourceExhausted(status)) return 3;
    if (std::string(status.message()).find("ulimit -f") == std::string::npos) return 4;
    return (*broker)->Close().ok() ? 0 : 5;
  });
  CHECK(failed == 0);
}

TEST_CASE("Without fallocate files get their blocks by being written") {
  for (const int error : {ENOSYS, EOPNOTSUPP}) {
    FileFixture fixture;
    const int failed = InChild([&] {
      if (!ForbidFallocate(error)) return 99;
      const auto file = fixture.directory->OpenFile("b", FileMode::kCreate).value();
      if (!file->WriteAt(0, BytesOf("kept")).ok()) return 1;
      if (!file->Allocate(1 << 20).ok()) return 2;
      struct stat status {};
      if (stat((fixture.where.path() + "/b").c_str(), &status) != 0) return 3;
      if (status.st_size != 1 << 20 || status.st_blocks * 512 < 1 << 20) return 4;
      if (!file->Deallocate(0, 4096).ok()) return 5;
      std::array<std::byte, 4> first{};
      if (!file->ReadAt(0, first).ok() || first[0] != std::byte{0}) return 6;
      auto broker = Broker::Open(fixture.where.path() + "/data");
      if (!broker.ok() || !(*broker)->CreateTopic("t").ok()) return 7;
      Topic topic = (*broker)->OpenTopic("t").value();
      Record record;
      record.value = "value";
      return topic.partition(0).Append(record).ok() && (*broker)->Close().ok() ? 0 : 8;
    });
    if (failed == 99) {
      WARN("skipped: this process may not filter its system calls");
      return;
    }
    INFO(error);
    CHECK(failed == 0);
  }
}

TEST_CASE("The free space of a file system is told, and shrinks by what a file takes") {
  FileFixture fixture;
  const auto file = fixture.directory->OpenFile("b", FileMode::kCreate).value();
  const auto before = file->FreeBytes();
  REQUIRE(before.ok());
  CHECK(*before > 0);
}

}  // namespace daybook
