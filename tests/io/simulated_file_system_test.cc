#include "daybook/system/simulated_file_system.h"

#include <string>

#include "catch.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

struct DiskFixture {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();

  std::unique_ptr<File> Create(std::string_view name, std::uint64_t bytes = 0) {
    auto file = directory->OpenFile(name, FileMode::kCreate).value();
    REQUIRE(file->Allocate(bytes).ok());
    return file;
  }
};

}  // namespace

TEST_CASE("Entries that were not synced may be gone after a power cut, in their order") {
  DiskFixture fixture;
  fixture.Create("a");
  REQUIRE(fixture.directory->Sync().ok());
  fixture.Create("b");
  fixture.Create("c");
  bool b_alone = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto files = fixture.disk.CutPower(seed)->Files();
    const auto has = [&](const std::string& name) {
      return std::find(files.begin(), files.end(), "/d/" + name) != files.end();
    };
    CHECK(has("a"));
    if (has("c")) CHECK(has("b"));
    b_alone = b_alone || (has("b") && !has("c"));
  }
  CHECK(b_alone);
}

TEST_CASE("A kill loses nothing but locks, and the boot stays the same") {
  DiskFixture fixture;
  fixture.Create("f", 4096);
  const auto lock = fixture.directory->Lock("lock");
  REQUIRE(lock.ok());
  CHECK(absl::IsFailedPrecondition(fixture.directory->Lock("lock").status()));
  CHECK(fixture.directory->IsLocked("lock").value() == true);
  REQUIRE(fixture.directory->RemoveFile("lock").ok());
  CHECK(absl::IsFailedPrecondition(fixture.directory->Lock("lock").status()));
  const auto after = fixture.disk.Kill();
  CHECK(after->Files() == fixture.disk.Files());
  CHECK(after->BootId() == fixture.disk.BootId());
  CHECK(after->OpenDirectory("/d", DirectoryMode::kMustExist).value()->Lock("lock").ok());
  CHECK(fixture.disk.CutPower(1)->BootId() != fixture.disk.BootId());
}

TEST_CASE("A lock is free when its holder lets go") {
  DiskFixture fixture;
  { REQUIRE(fixture.directory->Lock("lock").ok()); }
  CHECK(fixture.directory->IsLocked("lock").value() == false);
  CHECK(fixture.directory->Lock("lock").ok());
}

TEST_CASE("The disk runs full by pages and space comes back") {
  DiskFixture fixture;
  fixture.disk.SetCapacity(16 << 10);
  const auto file = fixture.Create("a", 12 << 10);
  auto other = fixture.Create("b");
  CHECK(absl::IsResourceExhausted(other->Allocate(8 << 10)));
  CHECK(other->Size().value() == 0);
  REQUIRE(file->Deallocate(4096, 12 << 10).ok());
  CHECK(other->Allocate(8 << 10).ok());
  REQUIRE(fixture.directory->RemoveFile("b").ok());
  REQUIRE(fixture.directory->Rename("a", "a").ok());
  CHECK(fixture.Create("c", 12 << 10) != nullptr);
}

TEST_CASE("An operation that the hook refuses does nothing") {
  DiskFixture fixture;
  fixture.disk.SetHook([](Operation operation, const std::string& path) {
    return operation == Operation::kCreate && path == "/d/x" ? absl::DataLossError("no")
                                                             : absl::OkStatus();
  });
  CHECK(absl::IsDataLoss(fixture.directory->OpenFile("x", FileMode::kCreate).status()));
  CHECK(fixture.directory->OpenFile("y", FileMode::kCreate).ok());
  CHECK(fixture.disk.Files() == std::vector<std::string>{"/d/y"});
}

TEST_CASE("Names and kinds are checked as on a real disk") {
  DiskFixture fixture;
  fixture.Create("f");
  REQUIRE(fixture.directory->CreateDirectory("sub").ok());
  CHECK(absl::IsAlreadyExists(fixture.directory->OpenFile("f", FileMode::kCreate).status()));
  CHECK(absl::IsNotFound(fixture.directory->OpenFile("g", FileMode::kRead).status()));
  CHECK(absl::IsFailedPrecondition(fixture.directory->OpenFile("sub", FileMode::kRead).status()));
  CHECK(absl::IsFailedPrecondition(fixture.directory->OpenDirectory("f").status()));
  CHECK(absl::IsInvalidArgument(fixture.directory->OpenFile("a/b", FileMode::kRead).status()));
  CHECK(
      absl::IsInvalidArgument(fixture.disk.OpenDirectory("d", DirectoryMode::kMustExist).status()));
  CHECK(fixture.disk.OpenDirectory("/d/", DirectoryMode::kMustExist).ok());
  CHECK(absl::IsPermissionDenied(fixture.directory->OpenFile("f", FileMode::kRead)
                                     .value()
                                     ->WriteAt(0, std::as_bytes(std::span("x")))));
}

TEST_CASE("Corrupted bytes stay corrupted") {
  DiskFixture fixture;
  const auto file = fixture.Create("f", 4096);
  REQUIRE(file->Sync().ok());
  REQUIRE(fixture.directory->Sync().ok());
  REQUIRE(fixture.disk.Corrupt("/d/f", 7, std::byte{0x80}).ok());
  CHECK(absl::IsNotFound(fixture.disk.Corrupt("/d/g", 7, std::byte{1})));
  CHECK(absl::IsOutOfRange(fixture.disk.Corrupt("/d/f", 5000, std::byte{1})));
  const auto left = fixture.disk.CutPower(3);
  const auto directory = left->OpenDirectory("/d", DirectoryMode::kMustExist).value();
  std::array<std::byte, 8> bytes{};
  REQUIRE(directory->OpenFile("f", FileMode::kRead).value()->ReadAt(0, bytes).ok());
  CHECK(bytes[7] == std::byte{0x80});
}

}  // namespace daybook
