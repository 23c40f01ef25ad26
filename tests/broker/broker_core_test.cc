#include "broker/broker_core.h"

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

absl::Status OpenStatus(SimulatedFileSystem& disk, std::string_view path = "/data") {
  BrokerOptions options;
  options.file_system = &disk;
  return BrokerCore::Open(path, options).status();
}

void Put(SimulatedFileSystem& disk, std::string_view name, std::string_view text) {
  const auto directory = disk.OpenDirectory("/data", DirectoryMode::kCreateIfMissing).value();
  const auto file = directory->OpenFile(name, FileMode::kCreate).value();
  REQUIRE(file->WriteAt(0, std::as_bytes(std::span(text))).ok());
}

}  // namespace

TEST_CASE("A directory that is not ours is refused and stays as it is") {
  SimulatedFileSystem disk;
  Put(disk, "thesis.txt", "text");
  const absl::Status status = OpenStatus(disk);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("thesis.txt") != absl::string_view::npos);
  CHECK(disk.Files() == std::vector<std::string>{"/data/thesis.txt"});
}

TEST_CASE("A directory of a newer version is refused and stays as it is") {
  SimulatedFileSystem disk;
  Put(disk, "daybook.properties", "# Daybook\nformat.version=2\nchecksum=0\n");
  const absl::Status status = OpenStatus(disk);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("version 2") != absl::string_view::npos);
  CHECK(disk.Files() == std::vector<std::string>{"/data/daybook.properties"});
}

TEST_CASE("Damaged properties are data loss") {
  SimulatedFileSystem disk;
  REQUIRE(OpenStatus(disk).ok());
  REQUIRE(disk.Corrupt("/data/daybook.properties", 20, std::byte{1}).ok());
  CHECK(absl::IsDataLoss(OpenStatus(disk)));
}

TEST_CASE("A parent that is not there is named") {
  SimulatedFileSystem disk;
  const absl::Status status = OpenStatus(disk, "/no/where");
  CHECK(absl::IsNotFound(status));
  CHECK(status.message().find("/no") != absl::string_view::npos);
}

TEST_CASE("Opening is cut short by an error at any call, and works when it is gone") {
  for (int fail_at = 0;; ++fail_at) {
    SimulatedFileSystem disk;
    int calls = 0;
    disk.SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
      return calls++ == fail_at ? absl::ResourceExhaustedError("no") : absl::OkStatus();
    });
    const absl::Status status = OpenStatus(disk);
    disk.SetHook(nullptr);
    CHECK(OpenStatus(disk).ok());
    if (status.ok()) break;
    CHECK(absl::IsResourceExhausted(status));
    REQUIRE(fail_at < 100);
  }
}

TEST_CASE("Closing twice is closing once") {
  BrokerFixture broker;
  CHECK(broker->Close().ok());
  CHECK(broker->Close().ok());
}

}  // namespace daybook
