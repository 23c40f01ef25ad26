#include "broker/offsets/undurable_participants.h"

#include "broker/access.h"
#include "broker/broker_core.h"
#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("What transactions have written is made durable before their decisions may go") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Partition& partition = broker->OpenTopic("t")->partition(0);
  REQUIRE(partition.Append(RecordOf("a")).ok());
  UndurableParticipants undurable;
  undurable.Note({.topic = "t", .partition = 0, .last_frame = Offset(0)});
  undurable.Note({.topic = "gone", .partition = 0, .last_frame = Offset(7)});
  CHECK(partition.durable_offset().value() == Offset(0));
  REQUIRE(undurable.WaitDurable(Access::Core(*broker).catalog(), Soon()).ok());
  CHECK(partition.durable_offset().value() == Offset(1));
}

TEST_CASE("Behind a claim that is open nothing can be made durable, and it is said so") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  Partition& partition = broker->OpenTopic("t")->partition(0);
  auto claim = partition.Claim({.value_bytes = 3});
  REQUIRE(claim.ok());
  REQUIRE(partition.Append(RecordOf("a")).ok());
  UndurableParticipants undurable;
  const std::uint64_t id = Access::State(*Access::Core(*broker).catalog().Find("t"))->id();
  undurable.Note({.topic = "t", .partition = 0, .last_frame = Offset(1), .topic_id = id});
  CHECK(absl::IsUnavailable(undurable.WaitDurable(Access::Core(*broker).catalog(), Soon())));
}

TEST_CASE("Of those that were made durable the ones stay to which more was added since") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Partition& partition = broker->OpenTopic("t")->partition(0);
  for (int i = 0; i < 3; ++i) REQUIRE(partition.Append(RecordOf("a")).ok());
  UndurableParticipants undurable;
  undurable.Note({.topic = "t", .partition = 0, .last_frame = Offset(0)});
  const UndurableParticipants before = undurable;
  undurable.Note({.topic = "t", .partition = 0, .last_frame = Offset(2)});
  undurable.Remove(before);
  REQUIRE(undurable.WaitDurable(Access::Core(*broker).catalog(), Soon()).ok());
  CHECK(partition.durable_offset().value() == Offset(3));
  UndurableParticipants none = before;
  none.Remove(before);
  broker.MakeTopic("u");
  CHECK(none.WaitDurable(Access::Core(*broker).catalog(), Soon()).ok());
}

}  // namespace daybook
