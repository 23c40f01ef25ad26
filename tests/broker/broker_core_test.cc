#include "broker/broker_core.h"

#include "admin/directory_check.h"
#include "catch.h"
#include "daybook/repair.h"
#include "support/broker_fixture.h"
#include "support/earlier_format.h"
#include "support/temporary_directory.h"
#include "support/thread_factories.h"

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

TEST_CASE("What a fresh volume has is left alone, and no reason to refuse it") {
  SimulatedFileSystem disk;
  Put(disk, ".gitkeep", "");
  const auto directory = disk.OpenDirectory("/data", DirectoryMode::kMustExist).value();
  for (const std::string name : {"lost+found", ".snapshot", "..data", ".Trash-0"}) {
    REQUIRE(directory->CreateDirectory(name).ok());
  }
  CHECK(OpenStatus(disk).ok());
  CHECK(OpenStatus(disk).ok());
  const auto verified = VerifyDirectory(*directory, disk.BootId(), {});
  REQUIRE(verified.ok());
  CHECK(verified->issues.empty());
  for (const std::string name : {"lost+found", ".snapshot", "..data", ".Trash-0"}) {
    CHECK(directory->OpenDirectory(name).ok());
  }
  CHECK(directory->OpenFile(".gitkeep", FileMode::kRead).ok());
}

TEST_CASE("A directory of a newer version is refused and stays as it is") {
  SimulatedFileSystem disk;
  Put(disk, "daybook.properties", "# Daybook\nformat.version=3\nchecksum=0\n");
  const absl::Status status = OpenStatus(disk);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("version 3") != absl::string_view::npos);
  CHECK(disk.Files() == std::vector<std::string>{"/data/daybook.properties"});
}

TEST_CASE("A directory of an earlier version is refused by all, and stays as it is") {
  SimulatedFileSystem disk;
  const std::string text = EarlierProperties({{"directory.id", "0123456789abcdef"}});
  Put(disk, "daybook.properties", text);
  Put(disk, "t.topic", "damaged");
  const auto directory = disk.OpenDirectory("/data", DirectoryMode::kMustExist).value();
  const RepairOptions repair{.mode = RepairMode::kExecute, .file_system = &disk};
  for (const absl::Status& status :
       {OpenStatus(disk), VerifyDirectory(*directory, disk.BootId(), {}).status(),
        Repair("/data", repair).status()}) {
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(status.message().find("/data/daybook.properties: it was written by a version of Daybook "
                                "before 1.0 (format version 1)") != absl::string_view::npos);
  }
  const auto file = directory->OpenFile("daybook.properties", FileMode::kRead).value();
  std::string left(text.size(), '\0');
  REQUIRE(file->ReadAt(0, std::as_writable_bytes(std::span(left))).ok());
  CHECK(left == text);
  CHECK(disk.Files() == std::vector<std::string>{"/data/daybook.properties", "/data/t.topic"});
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

TEST_CASE("Work in the background passes over a topic that was deleted") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.durability = Durability::kInterval});
  broker.SendMany("orders", 0, 3);
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(broker->RunBackgroundWork().ok());
}

TEST_CASE("Closing twice is closing once") {
  BrokerFixture broker;
  CHECK(broker->Close().ok());
  CHECK(broker->Close().ok());
}

TEST_CASE("A directory is not opened when a thread cannot be started, and is when it can") {
  SimulatedFileSystem disk;
  for (int threads = 0; threads < 4; ++threads) {
    FewThreads few(threads);
    BrokerOptions options;
    options.file_system = &disk;
    options.threads = &few;
    CHECK(absl::IsResourceExhausted(BrokerCore::Open("/data", options).status()));
    options.background = Background::kCaller;
    CHECK(BrokerCore::Open("/data", options).ok());
  }
  FewThreads enough(4);
  BrokerOptions options;
  options.file_system = &disk;
  options.threads = &enough;
  CHECK(BrokerCore::Open("/data", options).ok());
  CHECK(enough.asked() == 4);
  options.access = BrokerAccess::kReadOnly;
  CHECK(BrokerCore::Open("/data", options).ok());
  CHECK(enough.asked() == 4);
}

TEST_CASE("Options of a broker that are none are named") {
  SimulatedFileSystem disk;
  BrokerOptions options;
  options.file_system = &disk;
  options.access = static_cast<BrokerAccess>(2);
  CHECK(absl::IsInvalidArgument(BrokerCore::Open("/data", options).status()));
  options.access = BrokerAccess::kReadWrite;
  options.background = static_cast<Background>(-1);
  CHECK(absl::IsInvalidArgument(BrokerCore::Open("/data", options).status()));
  CHECK(disk.Files().empty());
}

TEST_CASE("A seam that is not given is the system's") {
  const TemporaryDirectory directory;
  const auto core = BrokerCore::Open(
      directory.path(), {.file_system = nullptr, .clock = nullptr, .threads = nullptr});
  REQUIRE(core.ok());
  CHECK(&(*core)->clock() == &Clock::System());
  CHECK(&(*core)->threads() == &ThreadFactory::System());
  CHECK((*core)->Close().ok());
  CHECK(Repair(directory.path(), {.file_system = nullptr, .clock = nullptr}).value().lost.empty());
}

}  // namespace daybook
