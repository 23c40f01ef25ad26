#include "broker/topics/topic_cache.h"

#include <set>
#include <thread>

#include "broker/access.h"
#include "catch.h"
#include "daybook/admin.h"
#include "support/broker_fixture.h"

namespace daybook {

TEST_CASE("A topic is known in the version in which it was looked up, and in no other") {
  BrokerFixture broker;
  const auto orders = Access::State(broker.MakeTopic("orders"));
  const auto payments = Access::State(broker.MakeTopic("payments"));
  TopicCache cache;
  CHECK(cache.Find(1, "orders") == nullptr);
  cache.Put(1, orders);
  cache.Put(1, payments);
  CHECK(cache.Find(1, "orders") == orders);
  CHECK(cache.Find(1, "payments") == payments);
  CHECK(cache.Find(2, "orders") == nullptr);
  CHECK(cache.Find(1, "") == nullptr);
}

TEST_CASE("Names that share an entry are told apart") {
  BrokerFixture broker;
  const auto orders = Access::State(broker.MakeTopic("orders"));
  TopicCache cache;
  const auto others = Access::State(broker.MakeTopic("others"));
  cache.Put(1, orders);
  CHECK(cache.Find(1, "others") == nullptr);
  CHECK(cache.Find(1, "orders") == orders);
  cache.Put(1, others);
  CHECK(cache.Find(1, "others") == others);
  CHECK(cache.Find(1, "orders") == nullptr);
}

TEST_CASE("Names that differ in one letter are told apart, whatever their length") {
  BrokerFixture broker;
  for (std::size_t size = 1; size <= 40; ++size) {
    const std::string name(size, 'a');
    const auto topic = Access::State(broker.MakeTopic(name));
    TopicCache cache;
    cache.Put(1, topic);
    CHECK(cache.Find(1, name) == topic);
    for (std::size_t at = 0; at + 1 < size; ++at) {  // with another end it has another entry
      std::string other = name;
      other[at] = 'b';
      CHECK(cache.Find(1, other) == nullptr);
    }
  }
}

TEST_CASE("A topic that is known is kept by others alone") {
  BrokerFixture broker;
  broker.MakeTopic("orders");
  TopicCache cache;
  std::weak_ptr<TopicState> state = Access::State(*broker->OpenTopic("orders"));
  cache.Put(1, state.lock());
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(state.expired());
  CHECK(cache.Find(1, "orders") == nullptr);
}

TEST_CASE("A thread has one until it ends, and destructors that run later have none") {
  struct Last {
    TopicCache** seen = nullptr;
    ~Last() { *seen = TopicCache::OfThread(); }
  };
  TopicCache* first = nullptr;
  TopicCache* seen = nullptr;
  std::thread([&] {
    thread_local Last last;  // made first, so destroyed last
    last.seen = &seen;
    first = TopicCache::OfThread();
    seen = first;
    CHECK(TopicCache::OfThread() == first);
  }).join();
  CHECK(first != nullptr);
  CHECK(first != TopicCache::OfThread());
  CHECK(seen == nullptr);
}

TEST_CASE("A send by name goes to the topic that has the name at that time") {
  BrokerFixture broker;
  broker.MakeTopic("orders", {.partitions = 1});
  Producer producer(*broker);
  const auto send = [&](std::string_view value) {
    Record record;
    record.value = value;
    return producer.Send("orders", record);
  };
  for (int i = 0; i < 3; ++i) CHECK(send("first")->offset() == Offset(i));
  REQUIRE(broker->DeleteTopic("orders").ok());
  CHECK(absl::IsNotFound(send("to none").status()));
  broker.MakeTopic("orders", {.partitions = 1});
  CHECK(send("second")->offset() == Offset(0));
  REQUIRE(Admin(*broker).CreatePartitions("orders", 3).ok());
  std::set<int> partitions;
  for (int i = 0; i < 6; ++i) partitions.insert(send("spread")->partition());
  CHECK(partitions.size() == 3);
  REQUIRE(broker->Close().ok());
  CHECK(absl::IsFailedPrecondition(send("late").status()));
  broker.Reopen();
  Producer another(*broker);
  CHECK(another.Send("orders", RecordOf("again")).ok());
}

}  // namespace daybook
