#include <set>

#include "broker/access.h"
#include "broker/broker_core.h"
#include "broker/offsets/offset_store.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Decision = TransactionTable::Decision;

OffsetStore& Store(BrokerFixture& broker) { return Access::Core(*broker).offsets(); }

const OffsetStore::Key kPlace{"group", "in", 0};

// A transaction by hand, step by step: what it wrote, and what decides it.
struct Steps {
  explicit Steps(BrokerFixture& fixture) : broker(fixture) {
    const auto begun = Store(broker).BeginTransaction();
    INFO(begun.status());
    REQUIRE(begun.ok());
    id = *begun;
  }
  void Write(const std::string& topic, const std::string& value) {
    const Record record = RecordOf(value);
    PartitionLog& log = Access::Log(broker->OpenTopic(topic)->partition(0));
    const auto prepared = log.AppendTransactional({&record, 1}, id);
    REQUIRE(prepared.ok());
    participants.push_back({topic, 0, prepared->last_frame});
  }
  void Decide(std::int64_t place) {
    REQUIRE(Store(broker).Decide(id, participants, {{kPlace, {.offset = Offset(place)}}}).ok());
  }

  BrokerFixture& broker;
  std::uint64_t id = 0;
  std::vector<Participant> participants;
};

void SyncTopic(BrokerFixture& broker, const std::string& topic) {
  Partition& partition = broker->OpenTopic(topic)->partition(0);
  REQUIRE(partition.WaitDurable(partition.end_offset().value()).ok());
}
// "a" and "b", each with a record that no power cut takes.
void MakeDurableTopics(BrokerFixture& broker) {
  for (const std::string topic : {"a", "b"}) {
    broker.MakeTopic(topic);
    broker.Send(topic, "k", "before");
    SyncTopic(broker, topic);
  }
}
void SyncDecisions(BrokerFixture& broker) { REQUIRE(Store(broker).WaitDurable(Soon()).ok()); }
// Ten records of "in", of which the first alone is durable, and a durable place behind all of them.
void CommitBeforeDisk(BrokerFixture& broker) {
  broker.MakeTopic("in");
  broker.Send("in", "k", "0");
  SyncTopic(broker, "in");
  for (int i = 1; i < 10; ++i) broker.Send("in", "k", std::to_string(i));
  REQUIRE(Store(broker).Commit(kPlace, Offset(10), "meta").ok());
  SyncDecisions(broker);
}

}  // namespace

TEST_CASE("A transaction that was decided survives a kill, with the group's place") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  broker.MakeTopic("b");
  Steps steps(broker);
  steps.Write("a", "x");
  steps.Write("b", "y");
  CHECK(broker.Values("a").empty());
  steps.Decide(5);
  CHECK(broker.Values("a") == std::vector<std::string>{"x"});
  for (int i = 0; i < 3; ++i) {
    broker.Kill();
    CHECK(broker.Values("a") == std::vector<std::string>{"x"});
    CHECK(broker.Values("b") == std::vector<std::string>{"y"});
    CHECK(Store(broker).Find(kPlace).value()->offset == Offset(5));
  }
}

TEST_CASE("A transaction that was not decided before a kill never is, and what follows is read") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  Steps(broker).Write("a", "lost");
  broker.Kill();
  CHECK(broker.Values("a").empty());
  Steps again(broker);  // of another id
  again.Write("a", "kept");
  again.Decide(1);
  broker.Kill();
  CHECK(broker.Values("a") == std::vector<std::string>{"kept"});
}

TEST_CASE("A decision that a power cut left without some of its records does not count") {
  BrokerFixture broker;
  MakeDurableTopics(broker);
  Steps first(broker);
  first.Write("a", "x");
  first.Write("b", "y");
  first.Decide(1);
  SyncTopic(broker, "a");
  SyncDecisions(broker);
  // The seed decides whether what was not synced is there: both happen.
  int whole = 0;
  int gone = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    const bool is_there = after.Values("b").size() == 2;
    CHECK((after.Values("a").size() == 2) == is_there);
    CHECK(Store(after).Find(kPlace).value().has_value() == is_there);
    (is_there ? whole : gone) += 1;
    // What takes the lost records' offsets does not bring it back.
    after.Send("b", "k", "new");
    after.Reopen();
    CHECK((after.Values("a").size() == 2) == is_there);
    after.Kill();
    CHECK((after.Values("a").size() == 2) == is_there);
  }
  CHECK(whole > 0);
  CHECK(gone > 0);
}

TEST_CASE("What went on from a transaction that a power cut took does not count either") {
  BrokerFixture broker;
  MakeDurableTopics(broker);
  Steps first(broker);
  first.Write("a", "1");
  first.Decide(1);
  Steps second(broker);
  second.Write("b", "2");
  second.Decide(2);
  REQUIRE(Store(broker).Commit(kPlace, Offset(3)).ok());
  SyncTopic(broker, "b");
  SyncDecisions(broker);
  int gone = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    const bool is_there = after.Values("a").size() == 2;
    gone += !is_there;
    for (int round = 0; round < 3; ++round) {
      CHECK((after.Values("b").size() == 2) == is_there);
      const auto place = Store(after).Find(kPlace).value();
      REQUIRE(place.has_value() == (is_there || round > 0));
      if (place) CHECK(place->offset == Offset(is_there ? 3 : round));
      if (!is_there) REQUIRE(Store(after).Commit(kPlace, Offset(round + 1)).ok());
      SyncDecisions(after);
      round == 0 ? after.Kill() : after.CutPower(seed);
    }
  }
  CHECK(gone > 0);
}

TEST_CASE("A place is drawn back to what a power cut left, before new records take the offsets") {
  BrokerFixture broker;
  CommitBeforeDisk(broker);
  int cut = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    const std::size_t left = after.Values("in").size();
    cut += left < 10;
    for (int i = 0; i < 20; ++i) after.Send("in", "k", "new");
    const auto place = Store(after).Find(kPlace).value();
    REQUIRE(place.has_value());
    CHECK(place->offset == Offset(static_cast<std::int64_t>(left)));
    CHECK(place->metadata == "meta");
    after.Kill();
    CHECK(Store(after).Find(kPlace).value()->offset.value() == static_cast<std::int64_t>(left));
  }
  CHECK(cut > 0);
}

TEST_CASE("A place that was drawn back does not come back when the power goes again") {
  BrokerFixture broker;
  CommitBeforeDisk(broker);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    const std::size_t left = after.Values("in").size();
    // Records that nobody has handled, at offsets that were committed once.
    for (int i = 0; i < 20; ++i) after.Send("in", "k", "new");
    SyncTopic(after, "in");
    after.CutPower(seed);
    const auto place = Store(after).Find(kPlace).value();
    REQUIRE(place.has_value());
    CHECK(place->offset == Offset(static_cast<std::int64_t>(left)));
  }
}

TEST_CASE("Ids are not used again when a power cut takes all that was decided") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  Steps lost(broker);
  lost.Write("a", "lost");
  SyncTopic(broker, "a");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(broker.disk().CutPower(seed));
    for (int i = 0; i < 3; ++i) {
      Steps steps(after);
      CHECK(steps.id > lost.id);
      steps.Write("a", "new");
      steps.Decide(i);
    }
    CHECK(after.Values("a") == std::vector<std::string>(3, "new"));
  }
}

TEST_CASE("What is no record of ours among the commits is passed over and counted") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit(kPlace, Offset(1)).ok());
  {
    PartitionLog& log = Access::Log(broker->OpenTopic("__consumer_offsets")->partition(0));
    REQUIRE(log.AppendUnsynced(RecordOf("?", "?")).ok());
    REQUIRE(log.AppendUnsynced(RecordOf("no key")).ok());
    REQUIRE(log.AppendUnsynced(RecordOf(std::string("g\0t\0007", 5), "no number")).ok());
    REQUIRE(log.AppendUnsynced(RecordOf(std::string("\0later", 6), "of a later version")).ok());
  }
  REQUIRE(Store(broker).Commit(kPlace, Offset(2)).ok());
  for (int opens = 0; opens < 2; ++opens) {
    broker.Reopen();
    CHECK(Store(broker).Find(kPlace).value()->offset == Offset(2));
    CHECK(broker->recovery_report().foreign_records == 4);
  }
  const auto follower = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly)).value();
  CHECK(Access::Core(*follower).offsets().Find(kPlace).value()->offset == Offset(2));
  CHECK(follower->recovery_report().foreign_records == 4);
  // They go with what a compaction drops.
  REQUIRE(Store(broker).Compact().ok());
  broker.Reopen();
  CHECK(Store(broker).Find(kPlace).value()->offset == Offset(2));
}

TEST_CASE(
    "A decision without all of its places is damage, and takes no commit that follows for one") {
  for (const bool is_followed : {false, true}) {
    BrokerFixture broker;
    REQUIRE(Store(broker).Commit(kPlace, Offset(1)).ok());
    const EncodedRecord decision = Encode(DecisionRecord{.id = 1, .places = 2, .participants = {}});
    PartitionLog& store = Access::Log(broker->OpenTopic("__consumer_offsets")->partition(0));
    REQUIRE(store.AppendUnsynced(RecordOf(decision.key, decision.value)).ok());
    REQUIRE(Store(broker).Commit(kPlace, Offset(2)).ok());
    if (is_followed) REQUIRE(store.AppendUnsynced(RecordOf(decision.key, decision.value)).ok());
    broker.Close();
    CHECK(absl::IsDataLoss(Broker::Open("/data", broker.Options()).status()));
  }
}

TEST_CASE("A record of the store that is damaged is reported each time, not passed over") {
  BrokerFixture broker;
  REQUIRE(Store(broker).Commit({"group", "t", 0}, Offset(1)).ok());
  const Topic store = broker->OpenTopic("__consumer_offsets").value();
  const std::string key("\0open", 5);
  REQUIRE(Access::Log(store.partition(0)).AppendUnsynced(RecordOf(key, "no number")).ok());
  REQUIRE(Store(broker).Commit({"group", "t", 0}, Offset(2)).ok());
  const auto reader = Broker::Open("/data", broker.Options(BrokerAccess::kReadOnly));
  REQUIRE(reader.ok());
  for (int i = 0; i < 2; ++i) {
    CHECK(absl::IsDataLoss(Access::Core(**reader).offsets().Find({"group", "t", 0}).status()));
  }
}

TEST_CASE("When the ids of an open are used up, transactions go on in another epoch") {
  BrokerFixture broker;
  broker.MakeTopic("a");
  { Steps first(broker); }
  DecisionTable& decisions = Access::Core(*broker).decisions();
  decisions.End((decisions.epoch() << 32), Decision::kAborted);
  decisions.StartEpoch(decisions.epoch(), 0xffff'fffd);
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 6; ++i) {
    Steps steps(broker);
    CHECK((ids.empty() || steps.id > *ids.rbegin()));
    CHECK(ids.insert(steps.id).second);
    steps.Write("a", std::to_string(i));
    CHECK(decisions.Of(steps.id) == Decision::kUndecided);
    steps.Decide(i);
  }
  const std::vector<std::string> all = {"0", "1", "2", "3", "4", "5"};
  CHECK(broker.Values("a") == all);
  broker.Kill();
  CHECK(broker.Values("a") == all);
  Steps next(broker);
  CHECK(next.id > *ids.rbegin());
}

}  // namespace daybook
