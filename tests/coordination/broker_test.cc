#include "daybook/broker.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include "admin/directory_check.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/broker_fixture.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace daybook {

TEST_CASE("Topics are created, listed in order and come back with their settings") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 4,
                              .durability = Durability::kDisk,
                              .segment_bytes = 1 << 20,
                              .max_record_bytes = 1000});
  broker.MakeTopic("accounts");
  CHECK(broker->ListTopics().value() == std::vector<std::string>{"accounts", "orders"});
  broker.Reopen();
  const Topic topic = broker->OpenTopic("orders").value();
  CHECK(topic.name() == "orders");
  CHECK(topic.partitions() == 4);
  CHECK(topic.options().durability == Durability::kDisk);
  CHECK(topic.options().max_record_bytes == 1000);
}

TEST_CASE("A wrong name, an unknown topic and one that exists are told apart") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  const auto files = broker.disk().Files();
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("a/b")));
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("__mine")));
  CHECK(absl::IsInvalidArgument(broker->CreateTopic("x", {.partitions = 0})));
  CHECK(absl::IsAlreadyExists(broker->CreateTopic("orders")));
  const auto unknown = broker->OpenTopic("order").status();
  CHECK(absl::IsNotFound(unknown));
  CHECK(unknown.message().find("did you mean orders?") != absl::string_view::npos);
  CHECK(absl::IsNotFound(broker->DeleteTopic("order")));
  CHECK(broker.disk().Files() == files);
}

TEST_CASE("A topic that was created survives a power cut, one that was not is not half there") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    BrokerFixture broker;
    broker.MakeTopic("orders");
    broker.CutPower(seed);
    CHECK(broker->OpenTopic("orders").ok());
  }
}

TEST_CASE("A batch outlives its topic") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  broker.Send("orders", "k", "still here");
  RecordBatch batch;
  {
    auto reader = Reader::Open(*broker, "orders").value();
    batch = reader.Poll({}).value();
  }
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(batch.begin()->value == "still here");
  CHECK(batch.begin()->topic == "orders");
}

TEST_CASE("A topic that was in use may be destroyed after its broker") {
  BrokerFixture broker;
  std::optional<Topic> topic = broker.MakeTopic("orders");
  broker.Send("orders", "k", "v");
  REQUIRE(broker->Close().ok());
  broker.CutPower(1);  // ends the broker
  topic.reset();
  CHECK(broker.Values("orders").size() <= 1);
}

TEST_CASE("A second broker on the directory is refused until the first one closes") {
  BrokerFixture broker;
  CHECK(absl::IsFailedPrecondition(Broker::Open("/data", broker.Options()).status()));
  REQUIRE(broker->Close().ok());
  CHECK(Broker::Open("/data", broker.Options()).ok());
}

TEST_CASE("What a program prints with descriptors 0 to 2 closed gets into no file of its broker") {
  const TemporaryDirectory directory;
  const int failed = InChild([&] {
    for (const int fd : {0, 1, 2}) close(fd);
    auto broker = Broker::Open(directory.path());
    if (!broker.ok() || !(*broker)->CreateTopic("orders", {.segment_bytes = 64 << 10}).ok()) {
      return 1;
    }
    const Topic topic = (*broker)->OpenTopic("orders").value();
    const std::string value(1000, 'v');
    for (int i = 0; i < 500; ++i) {
      if (!topic.partition(0).Append({.value = value}).ok()) return 2;
      for (const int fd : {0, 1, 2}) {
        if (write(fd, "some line of a log\n", 19) != -1) return 3;
      }
    }
    return (*broker)->Close().ok() ? 0 : 4;
  });
  CHECK(failed == 0);
  const auto broker = Broker::Open(directory.path()).value();
  const Topic topic = broker->OpenTopic("orders").value();
  CHECK(topic.partition(0).end_offset().value() == Offset(500));
  CHECK(topic.partition(0).NextReadable(Offset(0)).value() == Offset(0));
  const auto root = FileSystem::Posix().OpenDirectory(directory.path(), DirectoryMode::kMustExist);
  const auto verified = VerifyDirectory(**root, FileSystem::Posix().BootId(), {});
  REQUIRE(verified.ok());
  CHECK(!verified->has_damage());
}

TEST_CASE("A closed broker's handles answer with an error") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("orders");
  broker.Send("orders", "k", "v");
  REQUIRE(broker->Close().ok());
  CHECK(absl::IsFailedPrecondition(topic.partition(0).Append(RecordOf("x")).status()));
  CHECK(absl::IsFailedPrecondition(topic.partition(0).Read(Offset(0)).status()));
}

TEST_CASE("A read-only broker reads what another one writes and writes nothing itself") {
  BrokerFixture writer;
  writer.MakeTopic("orders", {.segment_bytes = 64 << 10, .max_record_bytes = 1000});
  writer.Send("orders", "k", "0");
  const auto reader = Broker::Open("/data", writer.Options(BrokerAccess::kReadOnly)).value();
  auto cursor = Reader::Open(*reader, "orders").value();
  CHECK(cursor.Poll({}).value().size() == 1);
  CHECK(cursor.Poll({}).value().empty());
  // Over a growing file and a roll.
  std::int64_t seen = 0;
  for (int round = 0; round < 20; ++round) {
    writer.SendMany("orders", 0, 200);
    for (;;) {
      const auto batch = cursor.Poll({}).value();
      if (batch.empty()) break;
      seen += static_cast<std::int64_t>(batch.size());
    }
  }
  CHECK(seen == 4000);
  writer.MakeTopic("later");
  CHECK(reader->ListTopics().value().size() == 2);
  const auto files = writer.disk().Files();
  CHECK(absl::IsFailedPrecondition(reader->CreateTopic("x")));
  CHECK(absl::IsFailedPrecondition(reader->DeleteTopic("orders")));
  CHECK(absl::IsFailedPrecondition(
      reader->OpenTopic("orders").value().partition(0).Append(RecordOf("x")).status()));
  CHECK(writer.disk().Files() == files);
}

TEST_CASE("Partitions are added, the old ones with what is in them, and stay after a power cut") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture broker;
    const Topic before = broker.MakeTopic("t", {.partitions = 2});
    const Offset end = before.partition(1).Append(RecordOf("old")).value() + 1;
    REQUIRE(Admin(*broker).CreatePartitions("t", 5).ok());
    const Topic after = broker->OpenTopic("t").value();
    CHECK(after.partitions() == 5);
    CHECK(before.partitions() == 2);
    // The logs are the same ones.
    CHECK(before.partition(1).Append(RecordOf("older handle")).value() == end);
    CHECK(after.partition(1).end_offset().value() == end + 1);
    CHECK(after.partition(4).Append(RecordOf("new")).value() == Offset(0));
    broker.CutPower(seed);
    CHECK(broker->OpenTopic("t").value().partitions() == 5);
  }
}

TEST_CASE("Partitions cannot become fewer, and only those of a topic more") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2, .durability = Durability::kDisk});
  CHECK(absl::IsInvalidArgument(Admin(*broker).CreatePartitions("t", 2)));
  CHECK(absl::IsInvalidArgument(Admin(*broker).CreatePartitions("t", 1)));
  CHECK(absl::IsInvalidArgument(Admin(*broker).CreatePartitions("t", 100'001)));
  CHECK(absl::IsInvalidArgument(Admin(*broker).CreatePartitions("__consumer_offsets", 2)));
  CHECK(absl::IsNotFound(Admin(*broker).CreatePartitions("u", 2)));
  REQUIRE(Admin(*broker).CreatePartitions("t", 3).ok());
  broker.Reopen();
  CHECK(broker->OpenTopic("t").value().options().durability == Durability::kDisk);
  const auto reader = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(absl::IsFailedPrecondition(Admin(*reader).CreatePartitions("t", 9)));
  CHECK(absl::IsFailedPrecondition(
      Admin(*reader).ExpireGroupOffsets(std::chrono::seconds(0)).status()));
  CHECK(reader->OpenTopic("t").value().partitions() == 3);
}

TEST_CASE("Adding partitions is all or nothing, whichever call fails") {
  for (int fail_at = 0;; ++fail_at) {
    BrokerFixture broker;
    broker.MakeTopic("t", {.partitions = 2});
    int calls = 0;
    broker.disk().SetHook([&](SimulatedFileSystem::Operation, const std::string&) {
      return calls++ == fail_at ? absl::ResourceExhaustedError("no") : absl::OkStatus();
    });
    const absl::Status status = Admin(*broker).CreatePartitions("t", 4);
    broker.disk().SetHook(nullptr);
    CHECK(broker->OpenTopic("t").value().partitions() == (status.ok() ? 4 : 2));
    CHECK((status.ok() || Admin(*broker).CreatePartitions("t", 4).ok()));
    if (status.ok()) break;
    REQUIRE(fail_at < 100);
  }
}

TEST_CASE("Who removes files below a broker gets an error when one is needed, and harms no other") {
  const bool is_all = GENERATE(false, true);
  CAPTURE(is_all);
  const TemporaryDirectory scratch;
  const std::string data = scratch.path() + "/data";
  auto broker = Broker::Open(data, {.background = Background::kCaller}).value();
  REQUIRE(broker->CreateTopic("gone", {.segment_bytes = 64 << 10}).ok());
  REQUIRE(broker->CreateTopic("there", {.segment_bytes = 64 << 10}).ok());
  const Topic gone = broker->OpenTopic("gone").value();
  const Topic there = broker->OpenTopic("there").value();
  const std::string value(1'000, 'v');
  REQUIRE(gone.partition(0).Append(RecordOf(value)).ok());
  REQUIRE(there.partition(0).Append(RecordOf(value)).ok());
  std::filesystem::remove_all(is_all ? data : data + "/gone-0");
  // What is mapped takes appends, until a file is needed; what was appended stays readable.
  std::int64_t appended = 1;
  absl::Status status;
  while (status.ok() && appended < 1'000) {
    status = gone.partition(0).Append(RecordOf(value)).status();
    if (status.ok()) ++appended;
  }
  INFO(status);
  CHECK(absl::IsNotFound(status));
  CHECK(gone.partition(0).end_offset().value() == Offset(appended));
  CHECK(gone.partition(0).Read(Offset(0)).ok());
  if (is_all) {
    CHECK(absl::IsNotFound(broker->CreateTopic("new")));
  } else {
    for (int i = 0; i < 200; ++i) REQUIRE(there.partition(0).Append(RecordOf(value)).ok());
    // The way out: what is left of the topic goes, and it is made again.
    const auto deleted = broker->DeleteTopic("gone");
    INFO(deleted);
    CHECK(deleted.ok());
    CHECK(broker->CreateTopic("gone").ok());
    CHECK(broker->OpenTopic("gone").value().partition(0).Append(RecordOf(value)).ok());
  }
  broker->Close().IgnoreError();
  broker.reset();
  const auto again = Broker::Open(data);
  INFO(again.status());
  REQUIRE(again.ok());
  CHECK((*again)->ListTopics().value().size() == (is_all ? 0 : 2));
}

}  // namespace daybook
