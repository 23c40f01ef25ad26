#include <string>
#include <vector>

#include "catch.h"
#include "daybook/repair.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

constexpr char kSegment[] = "/data/orders-0/00000000000000000000.log";

// A closed data directory with ten records of 32 bytes each.
struct DamagedDirectory {
  BrokerFixture broker;

  DamagedDirectory() {
    broker.MakeTopic("orders", {.partitions = 2, .flush_interval = std::chrono::milliseconds(77)});
    broker.SendMany("orders", 0, 10);
    REQUIRE(broker->Close().ok());
  }
  absl::StatusOr<RepairReport> Try(RepairMode mode) {
    return Repair("/data", {.mode = mode, .file_system = &broker.disk(), .clock = &broker.clock()});
  }
  RepairReport Do(RepairMode mode) {
    auto report = Try(mode);
    INFO(report.status());
    REQUIRE(report.ok());
    return *std::move(report);
  }
  void Corrupt(const std::string& file, std::uint64_t position, unsigned mask = 1) {
    REQUIRE(broker.disk().Corrupt(file, position, static_cast<std::byte>(mask)).ok());
  }
  std::unique_ptr<Directory> root() {
    return broker.disk().OpenDirectory("/data", DirectoryMode::kMustExist).value();
  }
  bool HasFile(const std::string& path) {
    const auto files = broker.disk().Files();
    return std::find(files.begin(), files.end(), path) != files.end();
  }
};

}  // namespace

TEST_CASE("A whole directory needs no repair, and gets no quarantine") {
  DamagedDirectory directory;
  const RepairReport report = directory.Do(RepairMode::kExecute);
  CHECK(report.actions.empty());
  CHECK(report.quarantine.empty());
  CHECK_FALSE(directory.root()->OpenDirectory("quarantine").ok());
}

TEST_CASE("A dry run says what would be lost and changes nothing") {
  DamagedDirectory directory;
  directory.Corrupt(kSegment, 4096 + 3 * 32 + 8);
  const auto files = directory.broker.disk().Files();
  const RepairReport report = directory.Do(RepairMode::kDryRun);
  REQUIRE(report.lost.size() == 1);
  CHECK(report.lost[0].topic == "orders");
  CHECK(report.lost[0].partition == 0);
  CHECK(report.lost[0].begin_offset == Offset(3));
  CHECK(report.lost[0].end_offset == Offset(4));
  CHECK(report.lost[0].bytes == 32);
  CHECK(report.lost[0].cause.find("one bit is flipped") == 0);
  CHECK(directory.broker.disk().Files() == files);
  CHECK(directory.Do(RepairMode::kDryRun).lost.size() == 1);
}

TEST_CASE("A repair keeps the other records, the original and a report, and is done then") {
  DamagedDirectory directory;
  directory.Corrupt(kSegment, 4096 + 3 * 32 + 8);
  const RepairReport report = directory.Do(RepairMode::kExecute);
  CHECK(report.quarantine == "quarantine/1");
  CHECK(directory.HasFile("/data/quarantine/1/orders-0/00000000000000000000.log"));
  CHECK(directory.HasFile("/data/quarantine/1/report"));
  CHECK(directory.Do(RepairMode::kExecute).actions.empty());
  directory.broker.Reopen();
  CHECK(directory.broker.Values("orders") ==
        std::vector<std::string>{"0", "1", "2", "4", "5", "6", "7", "8", "9"});
  CHECK(directory.broker.Send("orders", "k", "more").value() >= 0);
}

TEST_CASE("A second repair has a quarantine of its own") {
  DamagedDirectory directory;
  directory.Corrupt(kSegment, 4096 + 3 * 32 + 8);
  directory.Do(RepairMode::kExecute);
  directory.Corrupt(kSegment, 4096 + 5 * 32 + 8);
  CHECK(directory.Do(RepairMode::kExecute).quarantine == "quarantine/2");
}

TEST_CASE("A topic with files in quarantine can be deleted") {
  DamagedDirectory directory;
  directory.Corrupt(kSegment, 4096 + 3 * 32 + 8);
  directory.Do(RepairMode::kExecute);
  directory.broker.Reopen();
  CHECK(directory.broker->DeleteTopic("orders").ok());
  directory.broker.Reopen();
  CHECK(directory.broker->ListTopics()->empty());
}

TEST_CASE("One flipped bit of a small file is put back") {
  DamagedDirectory directory;
  directory.Corrupt("/data/orders.topic", 40);
  directory.Corrupt("/data/daybook.properties", 25, 0x10);
  CHECK_FALSE(Broker::Open("/data", directory.broker.Options()).ok());
  const RepairReport report = directory.Do(RepairMode::kExecute);
  CHECK(report.actions.size() == 2);
  CHECK(directory.HasFile("/data/quarantine/1/orders.topic"));
  directory.broker.Reopen();
  const TopicOptions options = directory.broker->OpenTopic("orders")->options();
  CHECK(options.partitions == 2);
  CHECK(options.flush_interval == std::chrono::milliseconds(77));
}

TEST_CASE("Settings that are gone are made anew from what the lines and the partitions say") {
  DamagedDirectory directory;
  SECTION("some lines") {
    // The line of the number of partitions, and another one.
    const auto file = directory.root()->OpenFile("orders.topic", FileMode::kReadWrite).value();
    std::string text(file->Size().value(), '\0');
    REQUIRE(file->ReadAt(0, std::as_writable_bytes(std::span(text))).ok());
    for (const std::string key : {"num.partitions", "durability"}) {
      text.replace(text.find(key), 3, "xyz");
    }
    REQUIRE(file->WriteAt(0, std::as_bytes(std::span(text))).ok());
    directory.Do(RepairMode::kExecute);
    directory.broker.Reopen();
    CHECK(directory.broker->OpenTopic("orders")->options().flush_interval ==
          std::chrono::milliseconds(77));
  }
  SECTION("the whole file") {
    REQUIRE(directory.root()->RemoveFile("orders.topic").ok());
    REQUIRE(directory.root()->RemoveFile("daybook.properties").ok());
    // Without either of them it could be anybody's directory.
    CHECK(absl::IsFailedPrecondition(directory.Try(RepairMode::kExecute).status()));
    const std::string text = "# Daybook\n";
    const auto file = directory.root()->OpenFile("daybook.properties", FileMode::kCreate).value();
    REQUIRE(file->WriteAt(0, std::as_bytes(std::span(text))).ok());
    directory.Do(RepairMode::kExecute);
    directory.broker.Reopen();
  }
  CHECK(directory.broker.Values("orders").size() == 10);
}

TEST_CASE("Records that are larger than those before the settings were lost can be read") {
  DamagedDirectory directory;
  directory.broker.Reopen();
  const Topic small = directory.broker.MakeTopic("small", {.max_record_bytes = 1000});
  REQUIRE(small.partition(0).Append(RecordOf("before")).ok());
  REQUIRE(directory.broker->Close().ok());
  REQUIRE(directory.root()->RemoveFile("small.topic").ok());
  directory.Do(RepairMode::kExecute);
  directory.broker.Reopen();
  const std::string large(5000, 'x');
  const auto offset = directory.broker->OpenTopic("small")->partition(0).Append(RecordOf(large));
  REQUIRE(offset.ok());
  CHECK(*offset == Offset(1));
  for (int round = 0; round < 2; ++round) {
    CHECK(directory.broker.Values("small") == std::vector<std::string>{"before", large});
    directory.broker.Kill();
  }
}

TEST_CASE("A dictionary with one flipped bit is put back, and so are the records that need it") {
  DamagedDirectory directory;
  directory.broker.Reopen();
  const Topic topic = directory.broker.MakeTopic(
      "clicks", {.compression = Compression::kZstd, .dictionary_bytes = 512});
  for (int i = 0; i < 2000; ++i) {
    const std::string value = R"({"event":"click","page":"/products/)" + std::to_string(i) +
                              R"(","referrer":"https://example.org/search"})";
    REQUIRE(topic.partition(0).Append(RecordOf(value)).ok());
    REQUIRE(directory.broker->RunBackgroundWork().ok());
  }
  REQUIRE(directory.broker->Close().ok());
  SECTION("one bit") {
    directory.Corrupt("/data/clicks.dictionary-1", 100, 0x40);
    CHECK(directory.Do(RepairMode::kExecute).not_repaired.empty());
    directory.broker.Reopen();
    CHECK(directory.broker.Values("clicks").size() == 2000);
  }
  SECTION("more") {
    directory.Corrupt("/data/clicks.dictionary-1", 100, 0x41);
    const RepairReport report = directory.Do(RepairMode::kExecute);
    CHECK_FALSE(report.not_repaired.empty());
    CHECK(report.actions.empty());
  }
}

TEST_CASE("A repair is refused while somebody has the directory open for writing") {
  DamagedDirectory directory;
  directory.broker.Reopen();
  CHECK(absl::IsFailedPrecondition(directory.Try(RepairMode::kExecute).status()));
  CHECK(absl::IsFailedPrecondition(directory.Try(RepairMode::kDryRun).status()));
}

TEST_CASE("A repair of what is no data directory leaves it alone") {
  SimulatedFileSystem disk;
  const auto directory = disk.OpenDirectory("/photos", DirectoryMode::kCreateIfMissing).value();
  REQUIRE(directory->OpenFile("me.jpg", FileMode::kCreate).ok());
  const RepairOptions options{.mode = RepairMode::kExecute, .file_system = &disk};
  CHECK(absl::IsFailedPrecondition(Repair("/photos", options).status()));
  CHECK(absl::IsNotFound(Repair("/nowhere", options).status()));
  CHECK(disk.Files() == std::vector<std::string>{"/photos/me.jpg"});
}

TEST_CASE("Without room for the copies nothing is changed") {
  DamagedDirectory directory;
  directory.Corrupt(kSegment, 4096 + 3 * 32 + 8);
  directory.broker.disk().SetCapacity(0);
  CHECK(absl::IsResourceExhausted(directory.Try(RepairMode::kExecute).status()));
  directory.broker.disk().SetCapacity(std::uint64_t{1} << 40);
  CHECK(directory.Do(RepairMode::kExecute).lost.size() == 1);
  directory.broker.Reopen();
  CHECK(directory.broker.Values("orders").size() == 9);
}

}  // namespace daybook
