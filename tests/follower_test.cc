#include <algorithm>
#include <thread>
#include <utility>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/broker_fixture.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

// What a process sees that opens a directory read-only, beside the one that writes and after it.

namespace daybook {
namespace {

std::unique_ptr<Broker> Follow(BrokerFixture& broker) {
  auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly));
  INFO(follower.status());
  REQUIRE(follower.ok());
  return *std::move(follower);
}

std::vector<std::string> Rest(Reader& reader) {
  std::vector<std::string> values;
  for (;;) {
    const auto batch = reader.Poll({});
    INFO(batch.status());
    REQUIRE(batch.ok());
    if (batch->empty()) return values;
    for (const RecordView& record : *batch) values.emplace_back(record.value);
  }
}

// What a process does that is killed within a transaction.
void BeginAndLeave(BrokerFixture& broker, const std::string& topic) {
  const std::uint64_t id = Access::Core(*broker).offsets().BeginTransaction().value();
  const Record record = RecordOf("never committed");
  REQUIRE(Access::Log(broker->OpenTopic(topic)->partition(0))
              .AppendTransactional({&record, 1}, id)
              .ok());
}

}  // namespace

TEST_CASE("A transactional frame in the log of decisions holds nobody up") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  REQUIRE(Access::Core(*broker).offsets().Commit({"group", "t", 0}, Offset(1)).ok());
  const Record record = RecordOf("foreign");
  REQUIRE(Access::Log(broker->OpenTopic("__consumer_offsets")->partition(0))
              .AppendTransactional({&record, 1}, std::uint64_t{9} << DecisionTable::kEpochShift)
              .ok());
  REQUIRE(Access::Core(*broker).offsets().Commit({"group", "t", 0}, Offset(2)).ok());
  const auto follower = Follow(broker);
  CHECK(Access::Core(*follower).offsets().Find({"group", "t", 0}).value()->offset == Offset(2));
  broker.Kill();
  CHECK(Access::Core(*broker).offsets().Find({"group", "t", 0}).value()->offset == Offset(2));
}

TEST_CASE("What follows the transaction of a killed process is seen, also if none is ever begun") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.Send("t", "k", "before");
  BeginAndLeave(broker, "t");
  const auto follower = Follow(broker);
  auto reader = Reader::Open(*follower, "t").value();
  CHECK(Rest(reader) == std::vector<std::string>{"before"});
  CHECK(reader.AtEnd().value());
  SECTION("by a reader that was there before") {
    broker.disk().ReleaseLocks();  // it is killed
    const auto next = Broker::Open("/data", broker.Options()).value();
    const Topic topic = next->OpenTopic("t").value();
    REQUIRE(topic.partition(0).Append(RecordOf("after")).ok());
    CHECK(Rest(reader) == std::vector<std::string>{"after"});
  }
  SECTION("by one that comes later") {
    broker.Kill();
    broker.Send("t", "k", "after");
    const auto late = Follow(broker);
    auto other = Reader::Open(*late, "t").value();
    CHECK(Rest(other) == std::vector<std::string>{"before", "after"});
    CHECK(other.AtEnd().value());
  }
}

TEST_CASE("Behind the transaction of a dead process there is what it had acknowledged") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.Send("t", "k", "before");
  BeginAndLeave(broker, "t");
  broker.Send("t", "k", "after");
  const auto follower = Follow(broker);
  auto reader = Reader::Open(*follower, "t").value();
  CHECK(Rest(reader) == std::vector<std::string>{"before"});  // it may still be committed
  broker.disk().ReleaseLocks();
  CHECK(Rest(reader) == std::vector<std::string>{"after"});
  CHECK(reader.AtEnd().value());
}

TEST_CASE("A follower of the groups sees what is committed also when the log was compacted") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  OffsetStore& store = Access::Core(*broker).offsets();
  REQUIRE(store.Commit({"group", "t", 0}, Offset(1)).ok());
  REQUIRE(store.Commit({"other", "t", 0}, Offset(1)).ok());
  const auto follower = Follow(broker);
  CHECK(Admin(*follower).ListGroups().value().size() == 2);
  REQUIRE(store.Forget({"other", "t", 0}).ok());
  const Topic log = broker->OpenTopic("__consumer_offsets").value();
  const Offset begin = log.partition(0).begin_offset().value();
  for (int i = 2; log.partition(0).begin_offset().value() == begin; ++i) {
    REQUIRE(store.Commit({"group", "t", 0}, Offset(i), std::string(100'000, 'm')).ok());
    REQUIRE(store.Compact().ok());
    REQUIRE(i < 1000);
  }
  REQUIRE(store.Commit({"group", "t", 0}, Offset(5000)).ok());
  CHECK(Access::Core(*follower).offsets().Find({"group", "t", 0}).value()->offset == Offset(5000));
  CHECK(Admin(*follower).ListGroups().value() == std::vector<std::string>{"group"});
}

TEST_CASE("In a copy that was taken while others wrote nobody lags by less than nothing") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  REQUIRE(Access::Core(*broker).offsets().Commit({"group", "t", 0}, Offset(8)).ok());
  const auto follower = Follow(broker);
  const auto group = Admin(*follower).DescribeGroup("group");
  REQUIRE(group.ok());
  CHECK(group->offsets.at(0).lag == 0);
}

TEST_CASE(
    "A topic that is deleted is gone for who follows, and another one of its name is not it") {
  BrokerFixture broker;
  if (GENERATE(false, true)) broker.disk().TellNoChanges();
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 5);
  const auto follower = Follow(broker);
  const Topic old = follower->OpenTopic("t").value();
  auto reader = Reader::Open(*follower, "t").value();
  CHECK(Rest(reader).size() == 5);
  REQUIRE(broker->DeleteTopic("t").ok());
  SECTION("deleted alone") {
    CHECK(absl::IsNotFound(reader.Poll({}).status()));
    CHECK(absl::IsNotFound(follower->OpenTopic("t").status()));
  }
  SECTION("and made again, with as many records") {
    broker.MakeTopic("t");
    broker.SendMany("t", 0, 8);
    const auto polled = reader.Poll({});
    CHECK(absl::IsNotFound(polled.status()));
    CHECK(std::string(polled.status().message()).find("made again") != std::string::npos);
    CHECK(absl::IsNotFound(old.partition(0).end_offset().status()));
    CHECK(absl::IsNotFound(old.partition(0).Read(Offset(0)).status()));
    auto fresh = Reader::Open(*follower, "t").value();
    CHECK(Rest(fresh).size() == 8);
  }
  SECTION("and made again before anybody looked, with other settings") {
    broker.MakeTopic("t", {.partitions = 3, .segment_bytes = 64 << 10});
    broker.SendMany("t", 2, 1);
    auto fresh = Reader::Open(*follower, "t").value();
    CHECK(Rest(fresh).size() == 1);
    CHECK(absl::IsNotFound(reader.Poll({}).status()));
  }
}

TEST_CASE("A reader of all partitions takes up those that are added, and others do not") {
  BrokerFixture broker;
  const bool is_followed = GENERATE(false, true);
  if (GENERATE(false, true)) broker.disk().TellNoChanges();
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 1, 1);
  const auto follower = is_followed ? Follow(broker) : nullptr;
  Broker& reading = is_followed ? *follower : *broker;
  auto all = Reader::Open(reading, "t", {.start = StartAt::kEnd}).value();
  auto some = Reader::Open(reading, "t", {.partitions = {0, 1}, .start = StartAt::kEnd}).value();
  CHECK(Rest(all).empty());
  REQUIRE(Admin(*broker).CreatePartitions("t", 4).ok());
  broker.SendMany("t", 3, 2);
  CHECK(Rest(all).size() == 2);
  CHECK(Rest(some).empty());
  CHECK(all.Position(3).value() == Offset(2));
  CHECK(absl::IsInvalidArgument(some.Position(3).status()));
  CHECK(reading.OpenTopic("t")->partitions() == 4);
  broker.SendMany("t", 2, 1);
  CHECK(Rest(all).size() == 1);
}

TEST_CASE("A reader that waits is woken by a partition that is added") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  auto reader = Reader::Open(*broker, "t").value();
  const int fd = reader.EventFd().value();
  CHECK(reader.Poll({})->empty());
  CHECK_FALSE(IsReadable(fd));
  REQUIRE(Admin(*broker).CreatePartitions("t", 2).ok());
  CHECK(IsReadable(fd));
  CHECK(reader.Poll({})->empty());
  CHECK_FALSE(IsReadable(fd));
  broker.SendMany("t", 1, 1);
  CHECK(IsReadable(fd));
  CHECK(reader.Poll({})->size() == 1);
}

TEST_CASE("An idle follower of many partitions does not touch the disk") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 100});
  for (int id = 0; id < 100; id += 2) broker.SendMany("t", id, 1);
  const auto follower = Follow(broker);
  auto reader = Reader::Open(*follower, "t").value();
  CHECK(Rest(reader).size() == 50);
  int looks = 0;
  int others = 0;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string&) {
    ++(operation == SimulatedFileSystem::Operation::kLock ? looks : others);
    return absl::OkStatus();
  });
  CHECK(reader.Poll(std::chrono::milliseconds(30))->empty());
  CHECK(others == 0);
  CHECK(looks > 0);
  CHECK(looks < 60);  // it backs off: 30 ms are some 12 looks
  // And goes on so from one wait to the next.
  looks = 0;
  for (int i = 0; i < 20; ++i) CHECK(reader.Poll(std::chrono::milliseconds(2))->empty());
  CHECK(looks <= 20 * 5);  // from the first interval on it would be twice as many
  broker.disk().SetHook(nullptr);
  broker.SendMany("t", 7, 1);  // the first one in its partition
  CHECK(reader.Poll(std::chrono::seconds(30))->partition() == 7);
}

TEST_CASE("After a reboot an undecided transaction before a roll is no damage to a follower") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.durability = Durability::kDisk, .segment_bytes = 64 << 10});
  PartitionLog& log = Access::Log(broker->OpenTopic("t")->partition(0));
  const std::uint64_t id = Access::Core(*broker).offsets().BeginTransaction().value();
  const Record record = RecordOf("never");
  REQUIRE(log.AppendTransactional({&record, 1}, id).ok());
  broker.SendMany("t", 0, 3'000);  // into the next segment
  const auto after = broker.disk().CutPower(1);
  // Another process has locked the directory, and not said yet that it writes.
  const auto root = after->OpenDirectory("/data", DirectoryMode::kMustExist).value();
  auto lock = root->Lock("daybook.lock").value();
  BrokerOptions options = broker.Options(BrokerAccess::kReadOnly);
  options.file_system = after.get();
  const auto follower = Broker::Open("/data", options).value();
  auto reader = Reader::Open(*follower, "t").value();
  const auto waits = reader.Poll({});
  INFO(waits.status());
  REQUIRE(waits.ok());
  CHECK(waits->empty());
  lock.reset();  // it died
  CHECK(Rest(reader).size() == 3'000);
}

TEST_CASE("A follower that waits is woken, and sees what another process appends meanwhile") {
  const TemporaryDirectory where;  // each has a map of its own, as another process would
  const auto broker = Broker::Open(where.path()).value();
  REQUIRE(broker->CreateTopic("t").ok());
  const auto follower = Broker::Open(where.path(), {.access = BrokerAccess::kReadOnly}).value();
  auto reader = Reader::Open(*follower, "t").value();
  std::thread other([&] { reader.Wakeup(); });
  CHECK(absl::IsCancelled(reader.Poll(std::chrono::hours(1)).status()));
  other.join();
  std::thread writer([&] {
    const Topic topic = broker->OpenTopic("t").value();
    static_cast<void>(topic.partition(0).Append(RecordOf("a")));
  });
  CHECK(reader.Poll(std::chrono::hours(1))->size() == 1);
  writer.join();
}

TEST_CASE("A reader of a topic that is made again while it looks for files is told of that") {
  BrokerFixture broker;
  const TopicOptions options{.segment_bytes = 64 << 10};
  broker.MakeTopic("t", options);
  const auto write = [&](std::size_t bytes) {
    const std::string value(bytes, 'v');
    for (int i = 0; i < 200; ++i) broker.Send("t", "k", value);
  };
  broker.Send("t", "k", "first");
  const auto follower = Follow(broker);
  auto reader = Reader::Open(*follower, "t");
  REQUIRE(reader.ok());
  CHECK(Rest(*reader).size() == 1);
  write(1000);
  std::vector<Offset> bases;
  for (const std::string& path : broker.disk().Files()) {
    if (!path.starts_with("/data/t-0/")) continue;
    if (const auto base = ParseSegmentFileName(path.substr(10))) bases.push_back(*base);
  }
  std::sort(bases.begin(), bases.end());
  REQUIRE(bases.size() > 2);
  // To the end of the first segment, and no further.
  while (reader->Position(0).value() != bases[1]) REQUIRE_FALSE(reader->Poll({}).value().empty());
  bool is_armed = true;
  broker.disk().SetHook([&](SimulatedFileSystem::Operation operation, const std::string& path) {
    if (operation != SimulatedFileSystem::Operation::kOpen || path != "/data/t-0") {
      return absl::OkStatus();
    }
    if (std::exchange(is_armed, false)) {
      REQUIRE(broker->DeleteTopic("t").ok());
      broker.MakeTopic("t", options);
      write(500);
    }
    return absl::OkStatus();
  });
  const auto batch = reader->Poll({});
  CHECK_FALSE(is_armed);
  INFO(batch.status());
  CHECK(absl::IsNotFound(batch.status()));
}

TEST_CASE("A reader in an empty segment goes on when it was replaced and others follow") {
  const TemporaryDirectory directory;
  const auto in_process = [&](int records, bool leaves_claim) {
    return InChild([&] {
      auto broker = Broker::Open(directory.path(), {});
      if (!broker.ok()) return 1;
      const auto topic = (*broker)->OpenTopic("t");
      if (!topic.ok()) return 2;
      Partition& partition = topic->partition(0);
      ClaimOptions options;
      options.value_bytes = 10;
      for (int i = 0; i < records; ++i) {
        if (!partition.Append(RecordOf("v")).ok()) return 3;
      }
      if (leaves_claim) new auto(partition.Claim(options));
      return 0;
    });
  };
  {
    const auto broker = Broker::Open(directory.path(), {});
    REQUIRE(broker.ok());
    REQUIRE((*broker)->CreateTopic("t", {}).ok());
  }
  REQUIRE(in_process(2, true) == 0);
  REQUIRE(in_process(0, true) == 0);  // a segment at 2, which holds a claim alone
  const auto follower = Broker::Open(directory.path(), {.access = BrokerAccess::kReadOnly});
  REQUIRE(follower.ok());
  auto reader = Reader::Open(**follower, "t");
  REQUIRE(reader.ok());
  CHECK(Rest(*reader).size() == 2);
  REQUIRE(in_process(3, true) == 0);  // which another one replaces
  REQUIRE(in_process(1, false) == 0);
  CHECK(Rest(*reader).size() == 4);
}

}  // namespace daybook
