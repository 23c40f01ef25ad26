#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "catch.h"
#include "daybook/admin.h"
#include "support/following_fixture.h"
#include "support/run_fixture.h"

// What groups of a process that follows another one do when topics come, grow and go there, and
// when it loses what they have read.

namespace daybook {
namespace {

using Values = std::vector<std::string>;

void SyncAll(Broker& broker, const std::string& topic) {
  const Topic handle = broker.OpenTopic(topic).value();
  for (int id = 0; id < handle.partitions(); ++id) {
    Partition& partition = handle.partition(id);
    REQUIRE(partition.WaitDurable(partition.end_offset().value()).ok());
  }
}

std::string ValueOf(int round, int i) { return std::to_string(round) + "-" + std::to_string(i); }
constexpr int kEach = 10;
bool HasAll(Notes& notes, int round) {
  const auto seen = notes.sorted();
  for (int i = 0; i < kEach; ++i) {
    if (seen.count(ValueOf(round, i)) == 0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE_METHOD(FollowingFixture, "Members of a follower share partitions, new ones among them") {
  if (GENERATE(false, true)) writer.disk().TellNoChanges();
  const auto first = Join();
  CHECK(Settled(*first).size() == 2);
  const auto second = Join();
  Settled(*first);
  CHECK(Settled(*second).size() == 1);
  CHECK(Settled(*first).size() == 1);
  REQUIRE(Admin(*writer).CreatePartitions("t", 4).ok());
  Settled(*first);
  CHECK(Settled(*second).size() == 2);
  CHECK(Settled(*first).size() == 2);
  writer.SendMany("t", 2, 1);
  writer.SendMany("t", 3, 1);
  CHECK(Drain(*first).size() + Drain(*second).size() == 2);
  REQUIRE(first->Leave().ok());
  Drain(*second);
  CHECK(second->Assignment().size() == 4);
}

TEST_CASE_METHOD(FollowingFixture,
                 "An expression finds the topics of the other process, now and later") {
  if (GENERATE(false, true)) writer.disk().TellNoChanges();
  Follow();
  const auto consumer = ConsumerGroup(*follower, "g").JoinMatching("t|u.*").value();
  CHECK(Settled(*consumer).size() == 2);
  writer.MakeTopic("ubu");
  writer.MakeTopic("v");
  writer.SendMany("ubu", 0, 2);
  CHECK(Drain(*consumer) == Values{"0", "1"});
  CHECK(consumer->Assignment().size() == 3);
}

TEST_CASE_METHOD(FollowingFixture,
                 "In a topic that is made anew the group begins at the beginning") {
  if (GENERATE(false, true)) writer.disk().TellNoChanges();
  writer.SendMany("t", 0, 5);
  Diary diary;
  Follow();
  const auto consumer =
      ConsumerGroup(*follower, "g").Join({"t"}, {.listener = diary.Listener()}).value();
  Drain(*consumer);
  REQUIRE(consumer->Commit().ok());
  diary.Take();
  MakeAnew();
  writer.SendMany("t", 0, 8);
  SECTION("when it reads on") {
    CHECK(Drain(*consumer).size() == 8);
    CHECK(consumer->Position({"t", 0}).value() == Offset(8));
    CHECK(diary.Take() == Values{"!t-0", "!t-1", "+t-0", "+t-1"});
    REQUIRE(consumer->Commit().ok());
    CHECK(CommittedIn(*follower, "t", 0) == 8);
  }
  SECTION("when it commits first") {
    consumer->Commit().IgnoreError();
    CHECK(CommittedIn(*follower, "t", 0) == -1);
  }
  SECTION("when somebody else looks first") {
    CHECK(follower->OpenTopic("t").ok());
    CHECK_FALSE(offsets().Find({"g", "t", 0})->has_value());
    CHECK(absl::IsAborted(consumer->Commit({{{"t", 0}, {.offset = Offset(5)}}})));
    CHECK_FALSE(offsets().Find({"g", "t", 0})->has_value());
  }
}

TEST_CASE_METHOD(FollowingFixture,
                 "A topic that was made anew meanwhile begins anew for the group") {
  writer.SendMany("t", 0, 5);
  writer.MakeTopic("u");
  writer.SendMany("u", 0, 1);
  DrainAndCommit();
  {
    const auto other = ConsumerGroup(*follower, "h").Join({"u"}).value();
    CHECK(Drain(*other).size() == 1);
    REQUIRE(other->Commit().ok());
  }
  follower.reset();
  SECTION("once") {
    MakeAnew();
    writer.SendMany("t", 0, 8);
    CHECK(Drain(*Join()).size() == 8);
  }
  SECTION("after a follower found it gone") {
    REQUIRE(writer->DeleteTopic("t").ok());
    Follow();
    CHECK(Admin(*follower).ListGroups().value() == Values{"h"});
    follower.reset();
    writer.MakeTopic("t", {.partitions = 2});
    writer.SendMany("t", 0, 8);
    CHECK(Drain(*Join()).size() == 8);
  }
  SECTION("and the power went afterwards") {
    MakeAnew();
    writer.SendMany("t", 0, 8);
    SyncAll(*writer, "t");
    Follow();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      BrokerFixture after(writer.disk().CutPower(seed));
      const auto next = FollowIn(after);
      const auto consumer = ConsumerGroup(*next, "g").Join({"t"}).value();
      CHECK(Drain(*consumer).size() == 8);
    }
  }
  CHECK(CommittedIn(*follower, "u", 0, "h") == 1);
}

TEST_CASE_METHOD(FollowingFixture,
                 "Where the writer lost its end with the power, the group is there") {
  writer.SendMany("t", 0, 5);
  SyncAll(*writer, "t");
  writer.SendMany("t", 0, 5);
  DrainAndCommit();
  REQUIRE(offsets().WaitDurable(Soon()).ok());
  int losses = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BrokerFixture after(writer.disk().CutPower(seed));
    const Offset end = after->OpenTopic("t")->partition(0).end_offset().value();
    losses += end < Offset(10) ? 1 : 0;
    const auto next = FollowIn(after);
    after.SendMany("t", 0, 5);
    const auto consumer = ConsumerGroup(*next, "g").Join({"t"}).value();
    CHECK(Drain(*consumer).size() == 5);
    CHECK(consumer->Position({"t", 0}).value() == end + 5);
  }
  CHECK(losses > 0);
}

TEST_CASE_METHOD(FollowingFixture,
                 "A place behind the end is the end, also when it is gone back to") {
  writer.SendMany("t", 0, 5);
  Follow();
  REQUIRE(offsets().Commit({"g", "t", 0}, Offset(8)).ok());
  const auto consumer = Join();
  CHECK(Drain(*consumer).empty());
  REQUIRE(consumer->SeekToCommitted().ok());
  CHECK(Drain(*consumer).empty());
  writer.SendMany("t", 0, 2);
  CHECK(Drain(*consumer) == Values{"0", "1"});
  REQUIRE(consumer->Commit().ok());
  CHECK(CommittedIn(*follower, "t", 0) == 7);
}

TEST_CASE_METHOD(FollowingInFiles,
                 "Members read all of a topic that is made anew under them again and again") {
  Notes notes;
  const auto read = [&](const std::stop_token& stop, Consumer& consumer) {
    while (!stop.stop_requested()) {
      const auto batch = consumer.Poll(std::chrono::milliseconds(1));
      if (!batch.ok() && !absl::IsNotFound(batch.status())) notes.Add(batch.status().ToString());
      if (!batch.ok()) continue;
      for (const RecordView& record : *batch) notes.Add(std::string(record.value));
      consumer.Commit().IgnoreError();
    }
  };
  const auto first = Join();
  const auto second = Join();
  std::jthread one([&](const std::stop_token& stop) { read(stop, *first); });
  std::jthread other([&](const std::stop_token& stop) { read(stop, *second); });
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    MakeAnew();
    const Topic topic = writer->OpenTopic("t").value();
    for (int i = 0; i < kEach; ++i) {
      REQUIRE(topic.partition(i % 2).Append(RecordOf(ValueOf(round, i))).ok());
    }
    // Some are read, before the next one is made.
    const auto deadline = Soon();
    while ((round % 3 == 0 || round + 1 == kRounds) &&
           std::chrono::steady_clock::now() < deadline) {
      if (HasAll(notes, round)) break;
      std::this_thread::yield();
    }
  }
  for (std::jthread* const thread : {&one, &other}) {
    thread->request_stop();
    thread->join();
  }
  CHECK(HasAll(notes, kRounds - 1));
  for (const std::string& value : notes.sorted()) CHECK(value.find(":") == std::string::npos);
}

}  // namespace daybook
