#include <thread>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/damage.h"
#include "support/group_fixture.h"
#include "support/log_fixture.h"

// How a member polls, waits and leaves: src/consumer/consumer_state.cc.

namespace daybook {

TEST_CASE("A consumer that is woken returns at once and reads on later") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  ConsumerGroup group(*broker, "group");
  const auto consumer = group.Join({"t"}).value();
  std::thread other([&] { consumer->Wakeup(); });
  CHECK(absl::IsCancelled(consumer->Poll(std::chrono::hours(1)).status()));
  other.join();
  broker.SendMany("t", 0, 3);
  CHECK(consumer->Poll({}).value().size() == 3);
}

TEST_CASE("A group that is too slow for a memory topic that drops is told once what it missed") {
  for (const OffsetReset reset : {OffsetReset::kEarliest, OffsetReset::kLatest}) {
    BrokerFixture broker;
    const Topic topic =
        broker.MakeTopic("t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
    ConsumerGroup group(*broker, "g", {.offset_reset = reset});
    {
      const auto consumer = group.Join({"t"}).value();
      REQUIRE(consumer->Poll({}).ok());
      broker.SendMany("t", 0, 1);
      CHECK(Drain(*consumer).size() == 1);
      REQUIRE(consumer->Commit().ok());
    }
    broker.SendMany("t", 0, 50'000);
    const Offset begin = topic.partition(0).begin_offset().value();
    REQUIRE(begin > Offset(1));
    const auto consumer = group.Join({"t"}).value();
    const auto told = consumer->Poll({}).status();
    CHECK(absl::IsOutOfRange(told));
    const Offset next = reset == OffsetReset::kEarliest ? begin : Offset(50'001);
    CHECK(DamageOf(told) ==
          DamagedRange{.topic = "t", .begin_offset = Offset(1), .end_offset = next});
    CHECK(told.message().find(std::to_string(next.value())) != absl::string_view::npos);
    // The next member is not told of the same again.
    CHECK(consumer->Committed({"t", 0}).value().offset == next);
    const std::vector<std::string> values = Drain(*consumer);
    CHECK(consumer->Position({"t", 0}).value() == Offset(50'001));
    CHECK(values.size() == static_cast<std::size_t>(Offset(50'001) - next));
  }
}

TEST_CASE("A member that hangs while producers wait for it is lost, and they go on") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.storage = Storage::kMemory,
                         .memory_bytes = 512 << 10,
                         .when_full = WhenFull::kBlock,
                         .max_block = std::chrono::seconds(20)});
  const auto hanging = ConsumerGroup(*broker, "slow").Join({"t"}).value();
  const auto reading = ConsumerGroup(*broker, "fast").Join({"t"}).value();
  broker.SendMany("t", 0, 1);
  CHECK(hanging->Poll({})->size() == 1);
  broker.clock().Advance(std::chrono::minutes(6));
  // More than there is room for; and nobody looks at the group of the one that hangs.
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(Drain(*reading).empty());
    REQUIRE(reading->Commit().ok());
    broker.SendMany("t", 0, 1000);
  }
  CHECK(absl::IsAborted(hanging->Commit()));
}

TEST_CASE("A second thread in a consumer is noticed, and may only wake it") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.SendMany("t", 0, 3);
  std::vector<absl::Status> answers;
  JoinOptions join;
  join.listener.on_assigned = [&](Consumer& consumer, const std::vector<TopicPartition>& all) {
    CHECK(consumer.Position(all[0]).ok());  // the same thread may
    std::thread([&] {
      answers.push_back(consumer.Poll({}).status());
      answers.push_back(consumer.Commit());
      answers.push_back(consumer.Commit({{all[0], {.offset = Offset(1)}}}));
      answers.push_back(consumer.Seek(all[0], Offset(2)));
      answers.push_back(consumer.SeekToBeginning());
      answers.push_back(consumer.SeekToCommitted());
      answers.push_back(consumer.Position(all[0]).status());
      answers.push_back(consumer.Pause(all));
      answers.push_back(consumer.EventFd().status());
      answers.push_back(consumer.Leave());
      consumer.Wakeup();
    }).join();
  };
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}, join).value();
  CHECK(absl::IsCancelled(consumer->Poll({}).status()));
  CHECK(answers.size() == 10);
  for (const absl::Status& answer : answers) CHECK(absl::IsFailedPrecondition(answer));
  // One after the other is no harm.
  std::size_t count = 0;
  std::thread([&] { count = Drain(*consumer).size(); }).join();
  CHECK(count == 3);
  CHECK(consumer->Commit().ok());
}

TEST_CASE("A commit in a topic that was deleted says so, and of the others it was done") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  broker.MakeTopic("u");
  broker.SendMany("t", 0, 3);
  broker.SendMany("u", 0, 3);
  Diary diary;
  const auto consumer =
      ConsumerGroup(*broker, "g").Join({"t", "u"}, {.listener = diary.Listener()}).value();
  CHECK(Drain(*consumer).size() == 6);
  diary.Take();
  REQUIRE(broker->DeleteTopic("t").ok());
  const auto status =
      consumer->Commit({{{"t", 0}, {.offset = Offset(3)}}, {{"u", 0}, {.offset = Offset(3)}}});
  CHECK((absl::IsNotFound(status) || absl::IsAborted(status)));
  CHECK(consumer->Committed({"u", 0}).value().offset == Offset(3));
  CHECK(Drain(*consumer).empty());
  CHECK(diary.Take() == std::vector<std::string>{"!t-0"});
}

TEST_CASE("The descriptor of a member is readable for records, and for a rebalance") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  ConsumerGroup group(*broker, "g");
  const auto first = group.Join({"t"}).value();
  const int fd = first->EventFd().value();
  CHECK(first->Poll({})->empty());
  CHECK_FALSE(IsReadable(fd));
  broker.SendMany("t", 0, 1);
  CHECK(IsReadable(fd));
  CHECK(Drain(*first).size() == 1);
  CHECK_FALSE(IsReadable(fd));
  const auto second = group.Join({"t"}).value();
  CHECK(IsReadable(fd));
  CHECK(first->Poll({})->empty());
  CHECK(first->Assignment().size() == 1);
  CHECK_FALSE(IsReadable(fd));
  // A commit can change what is assigned: that asks for a poll.
  CHECK(Drain(*second).empty());
  REQUIRE(second->Leave().ok());
  REQUIRE(first->Commit().ok());
  CHECK(first->Assignment().size() == 2);
  CHECK(IsReadable(fd));
}

TEST_CASE("At OffsetReset::kNone a partition without a place is an error until a seek") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 3);
  broker.SendMany("t", 1, 3);
  ConsumerGroup group(*broker, "g", {.offset_reset = OffsetReset::kNone});
  REQUIRE(Admin(*broker).AlterGroupOffsets("g", {{{"t", 0}, Offset(1)}}).ok());
  const auto consumer = group.Join({"t"}).value();
  for (int i = 0; i < 2; ++i) {
    const auto status = consumer->Poll({}).status();
    CHECK(absl::IsOutOfRange(status));
    CHECK(status.message().find("t-1") != absl::string_view::npos);
    CHECK(status.message().find("Seek") != absl::string_view::npos);
  }
  CHECK(absl::IsOutOfRange(consumer->Position({"t", 1}).status()));
  CHECK(absl::IsOutOfRange(consumer->Lag({"t", 1}).status()));
  CHECK(consumer->Positions().offsets.size() == 1);
  CHECK(consumer->Commit().ok());
  CHECK(absl::IsNotFound(consumer->Committed({"t", 1}).status()));
  REQUIRE(consumer->Seek({"t", 1}, Offset(2)).ok());
  CHECK(Drain(*consumer).size() == 3);
}

TEST_CASE("At OffsetReset::kNone a place that was dropped is an error, too") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.storage = Storage::kMemory, .memory_bytes = 512 << 10});
  broker.SendMany("t", 0, 1);
  REQUIRE(Admin(*broker).AlterGroupOffsets("g", {{{"t", 0}, Offset(0)}}).ok());
  const auto consumer =
      ConsumerGroup(*broker, "g", {.offset_reset = OffsetReset::kNone}).Join({"t"}).value();
  CHECK(Drain(*consumer).size() == 1);
  broker.SendMany("t", 0, 50'000);
  absl::Status status;
  while (status.ok()) status = consumer->Poll({}).status();
  CHECK(absl::IsOutOfRange(status));
  CHECK(status.message().find("t-0") != absl::string_view::npos);
  REQUIRE(consumer->SeekToBeginning().ok());
  CHECK(Drain(*consumer).back() == "49999");
}

TEST_CASE("A member that waits is woken by a new topic, and takes part when another is lost") {
  BrokerFixture broker;
  broker.MakeTopic("a.1");
  ConsumerGroup group(*broker, "g");
  const auto consumer = group.JoinMatching("a.*").value();
  CHECK(Settled(*consumer).size() == 1);
  std::thread other([&] {
    if (!broker->CreateTopic("a.2").ok()) std::terminate();
    const Topic topic = broker->OpenTopic("a.2").value();
    if (!topic.partition(0).Append(RecordOf("new")).ok()) std::terminate();
  });
  const auto batch = consumer->Poll(std::chrono::hours(1));
  other.join();
  REQUIRE(batch.ok());
  CHECK(batch->begin()->value == "new");
}

TEST_CASE("A member that waits looks after the others by the time that they are lost") {
  // The machine's clock: what is tested is that nobody has to wake it. Only a wait that is too long
  // would fail.
  BrokerFixture broker;
  BrokerOptions options = broker.Options();
  options.clock = &Clock::System();
  REQUIRE(broker->Close().ok());
  const auto timed = Broker::Open("/data", options).value();
  REQUIRE(timed->CreateTopic("t", {.partitions = 2}).ok());
  ConsumerGroup group(*timed, "g", {.max_poll_interval = std::chrono::milliseconds(20)});
  const auto lost = group.Join({"t"}).value();
  const auto consumer = group.Join({"t"}).value();
  REQUIRE(lost->Poll({}).ok());
  const Topic topic = timed->OpenTopic("t").value();
  REQUIRE(topic.partition(0).Append(RecordOf("x")).ok());
  REQUIRE(topic.partition(1).Append(RecordOf("x")).ok());
  std::size_t records = 0;
  while (records < 2) {
    const auto batch = consumer->Poll(std::chrono::hours(1));
    REQUIRE(batch.ok());
    records += batch->size();
  }
  CHECK(consumer->Assignment().size() == 2);
}

TEST_CASE("A paused partition is passed over until it is resumed") {
  BrokerFixture broker;
  broker.MakeTopic("t", {.partitions = 2});
  broker.SendMany("t", 0, 2);
  broker.SendMany("t", 1, 3);
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(absl::IsFailedPrecondition(consumer->Pause({{"t", 1}})));  // not yet polled
  CHECK(consumer->Poll({})->partition() == 0);
  REQUIRE(consumer->Pause({{"t", 1}}).ok());
  CHECK(absl::IsFailedPrecondition(consumer->Pause({{"t", 0}, {"u", 0}})));
  CHECK(consumer->Paused() == std::vector<TopicPartition>{{"t", 1}});
  const int fd = consumer->EventFd().value();
  CHECK(Drain(*consumer).empty());
  CHECK_FALSE(IsReadable(fd));
  CHECK(consumer->Assignment().size() == 2);
  REQUIRE(consumer->Resume({{"t", 1}}).ok());
  CHECK(IsReadable(fd));
  CHECK(consumer->Paused().empty());
  CHECK(Drain(*consumer).size() == 3);
}

}  // namespace daybook
