#include "broker/offset_store.h"

#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

OffsetStore& Store(BrokerFixture& broker) { return broker->core().offsets(); }

const OffsetStore::Key kKey{"group", "orders", 3};

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

TEST_CASE("A commit never goes back, a reset does, and metadata may change in place") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(5), "five").ok());
  REQUIRE(Store(broker).Commit(kKey, Offset(4), "four").ok());
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(5), "five"});
  REQUIRE(Store(broker).Commit(kKey, Offset(5), "again").ok());
  broker.Reopen();
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(5), "again"});
  REQUIRE(Store(broker).Reset(kKey, Offset(2)).ok());
  broker.Kill();
  CHECK(*Store(broker).Find(kKey).value() == CommittedOffset{Offset(2), ""});
  REQUIRE(Store(broker).Forget(kKey).ok());
  broker.Kill();
  CHECK_FALSE(Store(broker).Find(kKey).value().has_value());
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

TEST_CASE("A full disk refuses a commit and the place stays as it was") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kKey, Offset(1)).ok());
  broker.disk().SetCapacity(0);
  absl::Status status;
  std::int64_t last = 1;
  while (status.ok() && last < 10'000) {
    status = Store(broker).Commit(kKey, Offset(last + 1));
    if (status.ok()) ++last;
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(Store(broker).Find(kKey).value()->offset == Offset(last));
}

}  // namespace daybook
