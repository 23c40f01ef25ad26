#include "consumer/run/partition_pauses.h"

#include <memory>
#include <utility>
#include <vector>

#include "catch.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

using Partitions = std::vector<TopicPartition>;
const TopicPartition kFirst{"t", 0};
const TopicPartition kSecond{"t", 1};

// A member of two partitions whose records the test handles; more than two of a partition are
// ahead.
class PausesFixture {
 public:
  PausesFixture() : options_{.max_ahead = 2}, records_(options_) {
    broker_.MakeTopic("t", {.partitions = 2});
    consumer_ = ConsumerGroup(*broker_, "g").Join({"t"}).value();
    REQUIRE(consumer_->Poll({}).ok());
  }

  PartitionPauses* operator->() { return &pauses_; }
  Consumer& consumer() { return *consumer_; }

  // So many records of the first partition are handed out.
  void Dispatch(int count) {
    broker_.SendMany("t", 0, count);
    records_.Accept(consumer_->Poll({}).value());
    records_.Dispatch(tasks_);
  }
  void FinishAll() {
    for (const KeyedTask& task : std::exchange(tasks_, {})) {
      const KeyedExecutor::Done done{
          .owner = task.owner, .ticket = task.ticket, .is_finished = true};
      records_.TakeBack({&done, 1});
    }
  }
  // What is paused then.
  Partitions HoldBack() {
    REQUIRE(pauses_.HoldBack(*consumer_, records_).ok());
    return consumer_->Paused();
  }
  Partitions PauseAll() {
    REQUIRE(pauses_.PauseAll(*consumer_).ok());
    return consumer_->Paused();
  }
  Partitions ResumeAll() {
    REQUIRE(pauses_.ResumeAll(*consumer_, records_).ok());
    return consumer_->Paused();
  }

 private:
  BrokerFixture broker_;
  const RunOptions options_;
  RecordsInFlight records_;
  PartitionPauses pauses_;
  std::unique_ptr<Consumer> consumer_;
  std::vector<KeyedTask> tasks_;
};

}  // namespace

TEST_CASE("For want of room all partitions are paused, and resumed when there is some") {
  PausesFixture pauses;
  CHECK(pauses.ResumeAll().empty());
  CHECK(pauses.PauseAll() == Partitions{kFirst, kSecond});
  CHECK(pauses->is_all_paused());
  CHECK(pauses.ResumeAll().empty());
  CHECK_FALSE(pauses->is_all_paused());
}

TEST_CASE("Partitions that were assigned since are paused, too") {
  PausesFixture pauses;
  pauses.PauseAll();
  REQUIRE(pauses.consumer().Resume({kSecond}).ok());  // as new ones are
  CHECK(pauses.PauseAll() == Partitions{kFirst});     // nothing is new
  pauses->OnAssigned();
  CHECK(pauses.PauseAll() == Partitions{kFirst, kSecond});
}

TEST_CASE("A partition that is ahead waits until it has caught up") {
  PausesFixture pauses;
  pauses.Dispatch(2);
  CHECK(pauses.HoldBack().empty());
  pauses.Dispatch(1);
  CHECK(pauses.HoldBack() == Partitions{kFirst});
  CHECK(pauses->is_some_ahead());
  pauses.FinishAll();
  CHECK(pauses.HoldBack().empty());
  CHECK_FALSE(pauses->is_some_ahead());
}

TEST_CASE("A partition is resumed when there is room and it is not ahead") {
  PausesFixture pauses;
  pauses.Dispatch(3);
  pauses.HoldBack();
  pauses.PauseAll();
  SECTION("first room, then the other") {
    CHECK(pauses.ResumeAll() == Partitions{kFirst});
    pauses.FinishAll();
    CHECK(pauses.HoldBack().empty());
  }
  SECTION("first the other, then room") {
    pauses.FinishAll();
    CHECK(pauses.HoldBack() == Partitions{kFirst, kSecond});
    CHECK(pauses.ResumeAll().empty());
  }
}

}  // namespace daybook
