#include "io/atomic_replace.h"

#include <string>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

using Operation = SimulatedFileSystem::Operation;

struct ReplaceFixture {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();

  absl::Status Replace(std::string_view text) {
    return AtomicReplace(*directory, "f", std::as_bytes(std::span(text)));
  }
  static std::string Content(SimulatedFileSystem& disk) {
    const auto directory = disk.OpenDirectory("/d", DirectoryMode::kMustExist).value();
    return ReadFile(*directory, "f", 1000).value_or("<none>");
  }
};

}  // namespace

TEST_CASE("A file is replaced whole, again and again") {
  ReplaceFixture fixture;
  fixture.disk.SetCapacity(64 << 10);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(fixture.Replace(std::to_string(i)).ok());
    CHECK(ReplaceFixture::Content(fixture.disk) == std::to_string(i));
  }
  CHECK(fixture.directory->List().value().size() == 1);
}

TEST_CASE("A power cut at any operation leaves the old or the new content") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    ReplaceFixture fixture;
    REQUIRE(fixture.Replace("old").ok());
    fixture.disk.SetHook([&](Operation, const std::string&) {
      const auto left = fixture.disk.CutPower(seed);
      const std::string content = ReplaceFixture::Content(*left);
      CHECK((content == "old" || content == "new"));
      return absl::OkStatus();
    });
    REQUIRE(fixture.Replace("new").ok());
    fixture.disk.SetHook(nullptr);
    CHECK(ReplaceFixture::Content(*fixture.disk.CutPower(seed)) == "new");
  }
}

TEST_CASE("A failure at any operation leaves the old content and no temporary") {
  for (int fail_at = 0;; ++fail_at) {
    ReplaceFixture fixture;
    REQUIRE(fixture.Replace("old").ok());
    int operations = 0;
    fixture.disk.SetHook([&](Operation, const std::string&) {
      return operations++ == fail_at ? absl::DataLossError("broken") : absl::OkStatus();
    });
    const absl::Status status = fixture.Replace("new");
    fixture.disk.SetHook(nullptr);
    if (status.ok()) break;
    const std::string content = ReplaceFixture::Content(fixture.disk);
    CHECK((content == "old" || content == "new"));  // new only if the directory's sync failed
    CHECK(fixture.directory->List().value().size() == 1);
    REQUIRE(fail_at < 20);
  }
}

TEST_CASE("A temporary that was left over is overwritten") {
  ReplaceFixture fixture;
  REQUIRE(fixture.directory->OpenFile(kReplaceTemporary, FileMode::kCreate).ok());
  CHECK(fixture.Replace("text").ok());
  CHECK(ReplaceFixture::Content(fixture.disk) == "text");
}

TEST_CASE("A file that is longer than it should be is not read") {
  ReplaceFixture fixture;
  REQUIRE(fixture.Replace(std::string(100, 'x')).ok());
  CHECK(ReadFile(*fixture.directory, "f", 100).ok());
  CHECK(absl::IsFailedPrecondition(ReadFile(*fixture.directory, "f", 99).status()));
  CHECK(absl::IsNotFound(ReadFile(*fixture.directory, "g", 99).status()));
}

}  // namespace daybook
