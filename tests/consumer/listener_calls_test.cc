#include "consumer/listener_calls.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "catch.h"
#include "support/group_fixture.h"

namespace daybook {

TEST_CASE("A listener is told what there is to tell, and of which consumer") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  Diary diary;
  ListenerCalls calls(diary.Listener());
  calls.SetConsumer(consumer.get());
  calls.OnAssigned({{"t", 0}, {"t", 1}});
  calls.OnRevoked({{"t", 0}});
  calls.OnLost({{"t", 1}});
  calls.OnLost({});
  CHECK(diary.Take() == std::vector<std::string>{"+t-0", "+t-1", "-t-0", "!t-1"});

  std::vector<bool> inside;
  ListenerCalls watched({.on_assigned = [&](Consumer& given, const std::vector<TopicPartition>&) {
    CHECK(&given == consumer.get());
    inside.push_back(watched.is_inside());
  }});
  watched.SetConsumer(consumer.get());
  watched.OnAssigned({});
  watched.OnAssigned({{"t", 0}});
  watched.OnRevoked({{"t", 0}});  // which it does not listen to
  CHECK(inside == std::vector<bool>{true});
  CHECK_FALSE(watched.is_inside());
}

TEST_CASE("A listener that throws leaves the consumer usable") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  ListenerCalls calls({.on_assigned = [](Consumer&, const std::vector<TopicPartition>&) {
    throw std::runtime_error("the listener's own");
  }});
  calls.SetConsumer(consumer.get());
  CHECK_THROWS_AS(calls.OnAssigned({{"t", 0}}), std::runtime_error);
  CHECK_FALSE(calls.is_inside());
}

}  // namespace daybook
