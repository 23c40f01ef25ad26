#include "admin/directory_check.h"

#include <algorithm>
#include <functional>

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

struct CheckedDirectory : BrokerFixture {
  CheckedDirectory() {
    MakeTopic("orders", {.partitions = 2});
    SendMany("orders", 0, 10);
    Reopen();
  }
  std::unique_ptr<Directory> root() {
    return disk().OpenDirectory("/data", DirectoryMode::kMustExist).value();
  }
  absl::StatusOr<DirectoryVerification> Verify(const std::vector<std::string>& topics = {}) {
    return VerifyDirectory(*root(), disk().BootId(), topics);
  }
  // The files that are damaged.
  std::vector<std::string> Damaged() {
    const auto verified = Verify();
    INFO(verified.status());
    REQUIRE(verified.ok());
    std::vector<std::string> files;
    for (const VerifyIssue& issue : verified->issues) {
      if (issue.is_damage) files.push_back(issue.file);
    }
    for (const PartitionVerification& partition : verified->partitions) {
      for (const VerifyIssue& issue : partition.issues) {
        if (issue.is_damage) files.push_back(partition.directory + "/" + issue.file);
      }
    }
    return files;
  }
};

}  // namespace

TEST_CASE("A whole directory has no issues, while its broker is open, too") {
  CheckedDirectory broker;
  const auto verified = broker.Verify();
  REQUIRE(verified.ok());
  CHECK(verified->issues.empty());
  REQUIRE(verified->partitions.size() == 1);
  CHECK(verified->partitions[0].directory == "orders-0");
}

TEST_CASE("Each flipped bit of the small files is found, and the file is named") {
  CheckedDirectory broker;
  for (const std::string file : {"daybook.properties", "orders.topic"}) {
    const std::uint64_t size =
        broker.root()->OpenFile(file, FileMode::kRead).value()->Size().value();
    for (std::uint64_t position = 0; position < size; ++position) {
      INFO(file << ", position " << position);
      const std::byte mask = static_cast<std::byte>(1U << position % 8);
      REQUIRE(broker.disk().Corrupt("/data/" + file, position, mask).ok());
      CHECK(broker.Damaged() == std::vector<std::string>{file});
      REQUIRE(broker.disk().Corrupt("/data/" + file, position, mask).ok());
    }
  }
}

TEST_CASE("What is missing is damage, and what is not ours is noted") {
  CheckedDirectory broker;
  SECTION("settings of a topic") {
    REQUIRE(broker.root()->RemoveFile("orders.topic").ok());
    CHECK(broker.Damaged() == std::vector<std::string>{"orders.topic"});
  }
  SECTION("the directory's own file") {
    REQUIRE(broker.root()->RemoveFile("daybook.properties").ok());
    CHECK(broker.Damaged() == std::vector<std::string>{"daybook.properties"});
  }
  SECTION("settings under another name") {
    REQUIRE(broker.root()->Rename("orders.topic", "others.topic").ok());
    CHECK(broker.Damaged() == std::vector<std::string>{"others.topic", "orders.topic"});
  }
  SECTION("a stranger") {
    REQUIRE(broker.root()->OpenFile("notes.txt", FileMode::kCreate).ok());
    REQUIRE(broker.root()->CreateDirectory("photos").ok());
    CHECK(broker.Damaged().empty());
    CHECK(broker.Verify()->issues.size() == 2);
  }
}

TEST_CASE("What is known of named producers belongs to a directory like everything else in it") {
  CheckedDirectory broker;
  broker.MakeTopic("bills", {.segment_bytes = 64 << 10});
  {
    Producer producer(*broker, {.name = "biller"});
    const std::string value(1000, 'x');
    for (std::int64_t i = 0; i < 200; ++i) {
      REQUIRE(producer.SendOnce("bills", {.value = value, .partition = 0}, i).ok());
    }
  }
  broker.Close();
  const auto files = broker.disk().Files();
  REQUIRE(std::any_of(files.begin(), files.end(),
                      [](const std::string& file) { return file.ends_with(".producers"); }));
  const auto verified = broker.Verify();
  REQUIRE(verified.ok());
  CHECK(verified->issues.empty());
  for (const PartitionVerification& partition : verified->partitions) {
    INFO(partition.directory);
    CHECK(partition.issues.empty());
  }
}

TEST_CASE("Batches whose dictionary is gone are told") {
  CheckedDirectory broker;
  const Topic topic =
      broker.MakeTopic("clicks", {.compression = Compression::kZstd, .dictionary_bytes = 512});
  for (int i = 0; i < 2000; ++i) {
    const std::string value = R"({"event":"click","page":"/products/)" + std::to_string(i) +
                              R"(","referrer":"https://example.org/search"})";
    REQUIRE(topic.partition(0).Append(RecordOf(value)).ok());
    REQUIRE(broker->RunBackgroundWork().ok());
  }
  REQUIRE(broker.Damaged() == std::vector<std::string>());
  REQUIRE(broker.root()->RemoveFile("clicks.dictionary-1").ok());
  CHECK(broker.Damaged() == std::vector<std::string>{"clicks-0/clicks.dictionary-1"});
}

TEST_CASE("Another directory, and a topic that is not there, are errors") {
  CheckedDirectory broker;
  const auto other = broker.disk().OpenDirectory("/other", DirectoryMode::kCreateIfMissing).value();
  REQUIRE(other->OpenFile("x", FileMode::kCreate).ok());
  CHECK(absl::IsFailedPrecondition(VerifyDirectory(*other, broker.disk().BootId(), {}).status()));
  CHECK(absl::IsNotFound(broker.Verify({"nothing"}).status()));
  CHECK(broker.Verify({"orders"}).ok());
}

}  // namespace daybook
