#include "consumer/run/records_in_flight.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Strings = std::vector<std::string>;
using Partitions = std::vector<TopicPartition>;

// Two partitions that are polled, and workers that the test plays.
class FlightFixture {
 public:
  explicit FlightFixture(RunOptions options = {})
      : topic_(broker_.MakeTopic("t", {.partitions = 2})),
        reader_(Reader::Open(*broker_, "t").value()),
        options_(std::move(options)),
        records_(options_) {}

  RecordsInFlight& operator*() { return records_; }
  RecordsInFlight* operator->() { return &records_; }
  PartitionStream& stream(int partition) { return *records_.Find({"t", partition}); }

  // One batch of a partition; "" is no key.
  void Poll(int partition, const Strings& keys) {
    for (const std::string& key : keys) {
      const std::string value = std::to_string(sent_++);
      Record record = RecordOf(value);
      if (!key.empty()) record.key = key;
      REQUIRE(topic_.partition(partition).Append(record).ok());
    }
    auto batch = reader_.Poll({});
    REQUIRE(batch.ok());
    REQUIRE(batch->size() == keys.size());
    records_.Accept(*std::move(batch));
  }
  void Poll(int partition, std::size_t count) { Poll(partition, Strings(count)); }
  // What is handed out now: how many-th it was of all that were sent.
  std::string Dispatch() {
    const std::size_t before = tasks_.size();
    records_.Dispatch(tasks_);
    std::string values;
    for (std::size_t i = before; i < tasks_.size(); ++i) values += tasks_[i].record.value;
    return values;
  }
  // The lanes of all that were handed out.
  std::vector<std::size_t> Lanes() {
    std::vector<std::size_t> lanes;
    for (const KeyedTask& task : tasks_) lanes.push_back(task.lane);
    return lanes;
  }
  // That task comes back, of all that were handed out.
  bool Return(std::size_t task, bool is_finished = true) {
    const KeyedExecutor::Done done{
        .owner = tasks_[task].owner, .ticket = tasks_[task].ticket, .is_finished = is_finished};
    return records_.TakeBack({&done, 1});
  }

 private:
  BrokerFixture broker_;
  Topic topic_;
  Reader reader_;
  const RunOptions options_;
  RecordsInFlight records_;
  std::vector<KeyedTask> tasks_;
  int sent_ = 0;
};

}  // namespace

TEST_CASE("Records are handed out in the order of the polls, as many as there is room for") {
  FlightFixture records({.max_in_flight = 3});
  CHECK(records.Dispatch().empty());
  records.Poll(0, 2);
  records.Poll(1, 3);
  CHECK(records.Dispatch() == "012");
  CHECK(records->in_flight() == 3);
  CHECK_FALSE(records->has_room());
  CHECK(records->has_pending());
  CHECK(records.Dispatch().empty());
  records.Return(1);
  CHECK(records.Dispatch() == "3");
  records.Return(3, false);
  records.Return(2, false);
  CHECK(records.Dispatch() == "4");
  CHECK_FALSE(records->has_pending());
  CHECK(records->in_flight() == 2);
}

TEST_CASE("What is finished counts for its partition, what came back unfinished does not") {
  FlightFixture records;
  records.Poll(0, 3);
  records.Dispatch();
  CHECK_FALSE(records->IsDrained(records.stream(0)));
  CHECK(records.Return(1));
  CHECK(records.stream(0).tracker.committable() == Offset(0));
  CHECK(records.Return(0));
  CHECK_FALSE(records.Return(2, false));
  CHECK(records->IsDrained(records.stream(0)));
  CHECK(records.stream(0).tracker.committable() == Offset(2));
  CHECK(records.stream(0).tracker.position() == Offset(3));
  CHECK(records->Unfinished().empty());
}

TEST_CASE("Records of a key are of one lane, and those without a key wait for none") {
  FlightFixture records({.order = RunOrder::kByKey});
  records.Poll(0, {"a", "b", "a", "", ""});
  records.Poll(1, {"a"});
  records.Dispatch();
  const std::vector<std::size_t> lanes = records.Lanes();
  CHECK(lanes[0] == lanes[2]);
  CHECK(lanes[0] != lanes[1]);
  CHECK(lanes[0] != lanes[5]);  // a key has an order in its partition alone
  CHECK(lanes[0] < records->lanes());
  CHECK(lanes[3] == kOwnLane);
  CHECK(lanes[4] == kOwnLane);
}

TEST_CASE("By partition, a partition has one lane, also when it comes back") {
  FlightFixture records({.order = RunOrder::kByPartition});
  records.Poll(0, {"a", "b"});
  records.Poll(1, {"a"});
  records->Take({{"t", 0}, {"t", 1}});
  records.Poll(1, 1);
  records.Poll(0, 1);
  records.Dispatch();
  CHECK(records.Lanes() == std::vector<std::size_t>{0, 0, 1, 1, 0});
}

TEST_CASE("Of a partition that is taken, what is out goes on to be counted until it is back") {
  FlightFixture records({.max_in_flight = 1});
  records.Poll(0, 2);
  CHECK(records.Dispatch() == "0");
  const PartitionStreams taken = records->Take({{"t", 0}, {"t", 1}});
  REQUIRE(taken.size() == 1);  // of the other one nothing was polled
  CHECK(records->Find({"t", 0}) == nullptr);
  CHECK(records->Assigned().empty());
  CHECK(records->Unfinished() == taken);
  records->DropPending(taken);
  CHECK_FALSE(records->has_pending());
  CHECK_FALSE(records->has_room());
  CHECK_FALSE(records->IsDrained(*taken[0]));
  CHECK(records.Return(0));
  CHECK(records->IsDrained(*taken[0]));
  CHECK(records->has_room());
  CHECK(records->Unfinished().empty());
  CHECK(taken[0]->tracker.committable() == Offset(1));
}

TEST_CASE("A partition with something pending is not drained, and others are not dropped with it") {
  FlightFixture records({.max_in_flight = 1});
  records.Poll(0, 1);
  records.Poll(1, 2);
  CHECK(records.Dispatch() == "0");
  CHECK_FALSE(records->IsDrained(records.stream(1)));
  records->DropPending(records->Take({{"t", 0}}));
  CHECK(records->has_pending());
  records.Return(0);
  CHECK(records.Dispatch() == "1");
}

TEST_CASE("What holds no records is passed once what was polled before it is handed out") {
  FlightFixture records({.max_in_flight = 1});
  records.Poll(0, 2);
  records->PassTo(records.stream(0), Offset(7));
  CHECK(records.Dispatch() == "0");
  records.Return(0);
  CHECK(records.stream(0).tracker.committable() == Offset(1));
  CHECK(records.Dispatch() == "1");
  records.Return(1);
  CHECK(records.stream(0).tracker.committable() == Offset(7));
  records->PassTo(records.stream(0), Offset(9));
  CHECK(records.stream(0).tracker.committable() == Offset(9));
}

TEST_CASE("A partition is ahead from one limit on and until it is down to half of that") {
  FlightFixture records({.max_ahead = 4});
  bool is_some_ahead = true;
  records.Poll(0, 4);
  records.Poll(1, 1);
  records.Dispatch();
  CHECK(records->TakeAhead().empty());
  records.Poll(0, 1);
  records.Dispatch();
  CHECK(records->TakeAhead() == Partitions{{"t", 0}});
  CHECK(records->TakeAhead().empty());  // told once
  records.Return(0);
  records.Return(1);
  CHECK(records->TakeCaughtUp(&is_some_ahead).empty());
  CHECK(is_some_ahead);
  records.Return(2);
  CHECK(records->TakeCaughtUp(&is_some_ahead) == Partitions{{"t", 0}});
  CHECK_FALSE(is_some_ahead);
}

TEST_CASE("A partition that is ahead and gone, or to be dropped, is not told of") {
  FlightFixture records({.max_ahead = 1});
  records.Poll(0, 2);
  records.Poll(1, 2);
  records.stream(1).mode.store(LaneMode::kDrop);
  records.Dispatch();
  records->Take({{"t", 0}});
  CHECK(records->TakeAhead().empty());
}

}  // namespace daybook
