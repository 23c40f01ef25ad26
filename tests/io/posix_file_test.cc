#include "io/posix_file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstring>
#include <string>

#include "catch.h"
#include "support/temporary_directory.h"
#include "torture/mounts.h"

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
  mapped->LetGo(4096, 1 << 19);
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

}  // namespace daybook
