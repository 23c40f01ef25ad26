#include "broker/topics/topic_state.h"

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("Handles of a topic mean the same topic, and partitions nobody uses cost no file") {
  BrokerFixture broker;
  const Topic one = broker.MakeTopic("orders", {.partitions = 50});
  const Topic other = broker->OpenTopic("orders").value();
  CHECK(one.partitions() == 50);
  CHECK(&one.partition(7) == &other.partition(7));
  CHECK(one.partition(7).id() == 7);
  const std::size_t files = broker.disk().Files().size();
  REQUIRE(one.partition(7).Append(RecordOf("v")).ok());
  CHECK(broker.disk().Files().size() == files + 1);
}

}  // namespace daybook
