#include "broker/offsets/offset_store.h"

#include <string>
#include <vector>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"
#include "support/temporary_directory.h"
#include "torture/disk/mounts.h"

namespace daybook {
namespace {

OffsetStore& Store(BrokerFixture& broker) { return Access::Core(*broker).offsets(); }

const OffsetStore::Key kKey{"group", "orders", 3};

// Appends until not one byte more has room.
void FillDisk(Partition& partition) {
  for (std::size_t bytes = 100'000; bytes > 0; bytes /= 10) {
    absl::Status status;
    do {
      status = partition.Append(RecordOf(std::string(bytes, 'x'))).status();
    } while (status.ok());
    CHECK(absl::IsResourceExhausted(status));
  }
}

}  // namespace

TEST_CASE("The last commit counts and survives a restart and a kill") {
  BrokerFixture broker;
  CHECK_FALSE(Store(broker).Find(kKey).value().has_value());
  REQUIRE(Store(broker).Commit(kKey, Offset(5)).ok());
  REQUIRE(Store(broker).Commit(kKey, Offset(9)).ok());
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(9));
  broker.Reopen();
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(9));
  REQUIRE(Store(broker).Commit(kKey, Offset(10)).ok());
  broker.Kill();
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(10));
}

TEST_CASE("What a check refuses is not committed, and only what is committed is told") {
  BrokerFixture broker;
  const auto entry = Store(broker).EntryOf(kKey).value();
  int told = 0;
  const auto commit = [&](const absl::Status& checked, std::string_view metadata) {
    return Store(broker).Commit(
        *entry, Offset(1), metadata, [&] { return checked; }, [&] { ++told; });
  };
  CHECK(absl::IsAborted(commit(absl::AbortedError("fenced"), "")));
  CHECK_FALSE(Store(broker).Find(kKey).value().has_value());
  CHECK(absl::IsInvalidArgument(
      commit(absl::OkStatus(), std::string(kMaxOffsetMetadataBytes + 1, 'm'))));
  CHECK(told == 0);
  CHECK(commit(absl::OkStatus(), "").ok());
  CHECK(told == 1);
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(1));
}

TEST_CASE("The last commit counts, and metadata may change in place") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(5), "five").ok());
  REQUIRE(Store(broker).Commit(kKey, Offset(4), "four").ok());
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(4), "four"});
  REQUIRE(Store(broker).Commit(kKey, Offset(4), "again").ok());
  broker.Reopen();
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(4), "again"});
  REQUIRE(Store(broker).Commit(kKey, Offset(2)).ok());
  broker.Kill();
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(2), ""});
  REQUIRE(Store(broker).Forget(kKey).ok());
  broker.Kill();
  CHECK_FALSE(Store(broker).Find(kKey).value().has_value());
}

TEST_CASE("Many places are committed at once, of memory topics without a record") {
  BrokerFixture broker;
  broker.MakeTopic("in.memory", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
  std::map<OffsetStore::Key, Offset> places = {{{"g", "in.memory", 0}, Offset(7)}};
  for (int i = 0; i < 2500; ++i) places[{"g", "t", i}] = Offset(i);
  REQUIRE(Store(broker).CommitAll(places).ok());
  CHECK(Store(broker).FindGroup("g").value().size() == 2501);
  broker.Kill();
  CHECK(Store(broker).FindGroup("g").value().size() == 2500);
  CHECK(Store(broker).Find({"g", "t", 1234}).value()->offset == Offset(1234));
}

TEST_CASE("Groups, topics and partitions do not see each other's places") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit({"a", "t", 0}, Offset(1)).ok());
  REQUIRE(Store(broker).Commit({"a", "t", 1}, Offset(2)).ok());
  REQUIRE(Store(broker).Commit({"a b", "t", 0}, Offset(3)).ok());
  REQUIRE(Store(broker).Commit({"b", "u", 0}, Offset(4)).ok());
  CHECK(Store(broker).FindGroup("a").value().size() == 2);
  CHECK(Store(broker).Groups().value() == std::vector<std::string>{"a", "a b", "b"});
}

TEST_CASE("A topic that is forgotten stays forgotten") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit({"a", "t", 0}, Offset(1)).ok());
  REQUIRE(Store(broker).Commit({"a", "u", 0}, Offset(2)).ok());
  REQUIRE(Store(broker).ForgetTopic("t").ok());
  broker.Reopen();
  CHECK_FALSE(Store(broker).Find({"a", "t", 0}).value().has_value());
  CHECK(Store(broker).Find({"a", "u", 0}).value()->offset == Offset(2));
}

TEST_CASE("Commits, and the deletion of a topic, go on when the disk is full") {
  const int places = GENERATE(1, 1'000);
  INFO(places << " places");
  const auto key = [](int place) { return OffsetStore::Key{"group", "orders", place}; };
  BrokerFixture broker;
  broker.disk().SetCapacity(std::uint64_t{4} << 20);
  broker.MakeTopic("orders");
  for (int place = 0; place < places; ++place) {
    REQUIRE(Store(broker).Commit(key(place), Offset(1)).ok());
  }
  Partition& orders = broker->OpenTopic("orders")->partition(0);
  FillDisk(orders);
  absl::Status status;
  for (std::int64_t offset = 2; offset <= 100'000; ++offset) {
    status = Store(broker).Commit(key(static_cast<int>(offset % places)), Offset(offset));
    INFO("commit " << offset << ": " << status);
    REQUIRE(status.ok());
  }
  CHECK(absl::IsResourceExhausted(orders.Append(RecordOf(std::string(100'000, 'x'))).status()));
  broker.Kill();
  for (int place = 0; place < places; ++place) {
    CHECK(Store(broker).Find(key(place)).value()->offset.value() > 100'000 - places);
  }
  REQUIRE(broker->DeleteTopic("orders").ok());
  broker.MakeTopic("more");
  CHECK(broker->OpenTopic("more")->partition(0).Append(RecordOf("x")).ok());
}

TEST_CASE("Commits go on on a full XFS, too, which makes no file where little is free") {
  const TemporaryDirectory where;
  if (!torture::IsAllowedToMount() || !torture::MakeXfs(where.path())) {
    WARN("skipped: no XFS can be mounted; it needs root, mkfs.xfs and loop devices");
    return;
  }
  const std::string mounted = where.path() + "/mounted";
  const std::string directory = mounted + "/data";
  {
    // All but a few MiB.
    const auto root = FileSystem::Posix().OpenDirectory(mounted, DirectoryMode::kMustExist);
    const auto rest = (*root)->OpenFile("rest", FileMode::kCreate).value();
    std::uint64_t taken = 0;
    for (std::uint64_t step = 64 << 20; step >= 2 << 20; step /= 2) {
      while (rest->Allocate(taken + step).ok()) taken += step;
    }
    const auto broker = Broker::Open(directory, {.access = BrokerAccess::kReadWrite,
                                                 .background = Background::kCaller})
                            .value();
    OffsetStore& store = Access::Core(*broker).offsets();
    REQUIRE(store.Commit(kKey, Offset(1)).ok());
    REQUIRE(broker->CreateTopic("orders").ok());
    const Topic topic = broker->OpenTopic("orders").value();
    Partition& orders = topic.partition(0);
    FillDisk(orders);
    absl::Status status;
    for (std::int64_t offset = 2; offset <= 50'000; ++offset) {
      status = store.Commit(kKey, Offset(offset));
      INFO("commit " << offset << ": " << status);
      REQUIRE(status.ok());
      // Takes what is free for a moment.
      if (offset % 10 == 0) orders.Append(RecordOf(std::string(100, 'x'))).IgnoreError();
    }
    REQUIRE(broker->Close().ok());
  }
  {
    const auto broker = Broker::Open(directory, {.access = BrokerAccess::kReadWrite}).value();
    CHECK(Access::Core(*broker).offsets().Find(kKey).value()->offset == Offset(50'000));
  }
  torture::Unmount(where.path());
}

TEST_CASE("Where there is no room for the reserve, places are committed without it") {
  BrokerFixture broker;
  broker.disk().SetCapacity(200 << 10);
  CHECK(Store(broker).Commit(kKey, Offset(1)).ok());
  broker.Kill();
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(1));
}

TEST_CASE("The log of offsets takes 776 KiB from the first commit on, half of it in reserve") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(1)).ok());
  const auto directory =
      broker.disk().OpenDirectory("/data/__consumer_offsets-0", DirectoryMode::kMustExist).value();
  std::vector<std::uint64_t> sizes;
  const std::vector<DirectoryEntry> files = directory->List().value();
  for (const DirectoryEntry& file : files) {
    sizes.push_back(directory->OpenFile(file.name, FileMode::kRead).value()->Size().value());
  }
  CHECK(sizes == std::vector<std::uint64_t>{392 << 10, 384 << 10});
}

TEST_CASE("A commit for which there is no space is refused and the place stays as it was") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(1)).ok());
  broker.disk().SetCapacity(0);  // what is dropped is not given back either
  absl::Status status;
  std::int64_t last = 1;
  while (status.ok() && last < 100'000) {
    status = Store(broker).Commit(kKey, Offset(last + 1));
    if (status.ok()) ++last;
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(last));
}

TEST_CASE("A place that is committed again and again where it is does not expire") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(5), "m").ok());
  Partition& log = broker->OpenTopic("__consumer_offsets")->partition(0);
  const auto end = [&] { return log.end_offset().value(); };
  const Offset before = end();
  for (int i = 0; i < 100; ++i) REQUIRE(Store(broker).Commit(kKey, Offset(5), "m").ok());
  CHECK(end() == before);
  broker.clock().Advance(std::chrono::hours(1));
  const Timestamp idle_since = broker.clock().Now() - std::chrono::minutes(10);
  SECTION("by itself") { REQUIRE(Store(broker).Commit(kKey, Offset(5), "m").ok()); }
  SECTION("with a transaction") {
    const std::uint64_t id = Store(broker).BeginTransaction().value();
    REQUIRE(Store(broker).Decide(id, {}, {{kKey, {.offset = Offset(5), .metadata = "m"}}}).ok());
  }
  if (GENERATE(false, true)) broker.Kill();
  CHECK(Store(broker).Expire("group", idle_since).value() == 0);
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(5), "m"});
}

TEST_CASE("Metadata over its limit is refused, alone and in a transaction, and changes nothing") {
  BrokerFixture broker;
  OffsetStore& store = Access::Core(*broker).offsets();
  const OffsetStore::Key key{"group", "orders", 0};
  const std::string most(kMaxOffsetMetadataBytes, 'm');
  REQUIRE(store.Commit(key, Offset(1), most).ok());
  const auto refused = store.Commit(key, Offset(2), most + "m");
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(std::string(refused.message()).find("1000001 bytes; the limit is 1000000") !=
        std::string::npos);
  const std::uint64_t id = store.BeginTransaction().value();
  CHECK(absl::IsInvalidArgument(
      store.Decide(id, {}, {{key, {.offset = Offset(3), .metadata = most + "m"}}})));
  CHECK(store.Find(key).value()->offset == Offset(1));
}

}  // namespace daybook
