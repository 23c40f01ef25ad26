#include "coordination/cursor_set.h"

#include <thread>

#include "catch.h"
#include "support/broker_fixture.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("Partitions take turns") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t", {.partitions = 3});
  for (int id = 0; id < 3; ++id) broker.SendMany("t", id, 10);
  CursorSet cursors;
  for (int id = 0; id < 3; ++id) cursors.Add(topic, id, Offset(0));
  std::vector<int> order;
  for (int i = 0; i < 6; ++i) {
    const auto batch = cursors.ReadNext({.max_records = 2, .max_bytes = 1 << 20});
    REQUIRE(batch.ok());
    order.push_back(batch->partition());
  }
  CHECK(order == std::vector<int>{0, 1, 2, 0, 1, 2});
}

TEST_CASE("A wait ends at its deadline, and at once when there is something") {
  BrokerFixture broker;
  const Topic topic = broker.MakeTopic("t");
  CursorSet cursors;
  cursors.Add(topic, 0, Offset(0));
  cursors.Wait(std::chrono::steady_clock::now(), nullptr, [] { return false; });
  broker.SendMany("t", 0, 1);
  cursors.Wait(std::chrono::steady_clock::time_point::max(), nullptr, [] { return false; });
  CHECK(cursors.ReadNext({}).value().size() == 1);
  cursors.Wait(std::chrono::steady_clock::time_point::max(), nullptr, [] { return true; });
}

TEST_CASE("A parked reader is woken by each record of another thread") {
  BrokerFixture broker;
  const Topic ping = broker.MakeTopic("ping");
  const Topic pong = broker.MakeTopic("pong");
  constexpr int kRounds = 2000;
  const auto answer = [](const Topic& from, const Topic& to, bool begins) {
    CursorSet cursors;
    cursors.Add(from, 0, Offset(0));
    for (int i = 0; i < kRounds; ++i) {
      if (begins && !to.partition(0).Append(RecordOf("x")).ok()) std::terminate();
      while (cursors.ReadNext({.max_records = 1, .max_bytes = 1}).value().empty()) {
        cursors.Wait(Soon(), nullptr, [] { return false; });
      }
      if (!begins && !to.partition(0).Append(RecordOf("x")).ok()) std::terminate();
    }
  };
  std::thread other([&] { answer(ping, pong, false); });
  answer(pong, ping, true);
  other.join();
  CHECK(pong.partition(0).end_offset().value() == Offset(kRounds));
}

TEST_CASE("A deadline that is for ever away does not overflow") {
  CHECK(DeadlineAfter(std::chrono::nanoseconds::max()) ==
        std::chrono::steady_clock::time_point::max());
  const auto at_once = DeadlineAfter(std::chrono::nanoseconds(0));
  CHECK(at_once <= std::chrono::steady_clock::now());
}

}  // namespace daybook
