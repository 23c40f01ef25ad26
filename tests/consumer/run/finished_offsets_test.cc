#include "consumer/run/finished_offsets.h"

#include <memory>

#include "catch.h"
#include "support/run_fixture.h"

namespace daybook {
namespace {

using std::chrono::milliseconds;

// A member of two partitions of which the test finishes records.
class OffsetsFixture {
 public:
  explicit OffsetsFixture(Guarantee guarantee = Guarantee::kAtLeastOnce)
      : offsets_(guarantee, broker_.clock(), milliseconds(100)) {
    broker_.MakeTopic("t", {.partitions = 2});
    for (int partition = 0; partition < 2; ++partition) {
      broker_.SendMany("t", partition, 9);
      streams_.push_back(
          std::make_shared<PartitionStream>(TopicPartition{"t", partition}, Offset(0)));
    }
    consumer_ = ConsumerGroup(*broker_, "g").Join({"t"}).value();
    REQUIRE(consumer_->Poll({}).ok());
    offsets_.BeginInterval();
  }

  FinishedOffsets* operator->() { return &offsets_; }
  BrokerFixture& broker() { return broker_; }
  Consumer& consumer() { return *consumer_; }
  const PartitionStreams& streams() { return streams_; }

  // So many records are handed out, and the first ones of them finished.
  void Handle(int partition, int count, int finished) {
    OffsetTracker& tracker = streams_[static_cast<std::size_t>(partition)]->tracker;
    for (int i = 0; i < count; ++i) {
      const OffsetTracker::Ticket ticket = tracker.Dispatch(tracker.position());
      if (i < finished) tracker.Finish(ticket);
    }
    offsets_.Add();
  }
  absl::Status CommitAll() { return offsets_.CommitAll(*consumer_, streams_); }
  std::int64_t committed(int partition) { return CommittedIn(*broker_, "t", partition); }

 private:
  BrokerFixture broker_;
  FinishedOffsets offsets_;
  PartitionStreams streams_;
  std::unique_ptr<Consumer> consumer_;
};

}  // namespace

TEST_CASE("A commit is due once an interval, if something was finished") {
  OffsetsFixture offsets;
  CHECK_FALSE(offsets->has_news());
  CHECK(offsets->until_due() == milliseconds(100));
  offsets.broker().clock().Advance(milliseconds(100));
  CHECK_FALSE(offsets->is_due());
  offsets.Handle(0, 1, 1);
  CHECK(offsets->is_due());
  REQUIRE(offsets.CommitAll().ok());
  CHECK_FALSE(offsets->has_news());
  offsets.Handle(0, 1, 1);
  CHECK_FALSE(offsets->is_due());
  CHECK(offsets->until_due() == milliseconds(100));
  offsets.broker().clock().Advance(milliseconds(100));
  CHECK(offsets->is_due());
}

TEST_CASE("Each partition is committed up to its first unfinished record") {
  OffsetsFixture offsets;
  offsets.Handle(0, 3, 2);
  REQUIRE(offsets.CommitAll().ok());
  CHECK(offsets.committed(0) == 2);
  CHECK(offsets.committed(1) == -1);
  CHECK(offsets.streams()[0]->committed == Offset(2));
  offsets.Handle(1, 1, 1);
  REQUIRE(offsets->Commit(offsets.consumer(), {offsets.streams()[0]}).ok());
  CHECK(offsets.committed(1) == -1);
  REQUIRE(offsets.CommitAll().ok());
  CHECK(offsets.committed(1) == 1);
}

TEST_CASE("A commit never goes back") {
  OffsetsFixture offsets;
  offsets.streams()[0]->committed = Offset(5);  // as behind damage
  offsets.Handle(0, 3, 3);
  REQUIRE(offsets.CommitAll().ok());
  CHECK(offsets.committed(0) == -1);
}

TEST_CASE("At most once nothing is committed but by Poll") {
  OffsetsFixture offsets(Guarantee::kAtMostOnce);
  offsets.Handle(0, 3, 3);
  REQUIRE(offsets.CommitAll().ok());
  CHECK_FALSE(offsets->has_news());
  CHECK(offsets.committed(0) == -1);
}

TEST_CASE("What a member has lost is not committed, and no error") {
  OffsetsFixture offsets;
  offsets.Handle(0, 3, 3);
  offsets.broker().clock().Advance(std::chrono::hours(1));
  const auto other = ConsumerGroup(*offsets.broker(), "g").Join({"t"}).value();
  REQUIRE(other->Poll({}).ok());
  CHECK(offsets.CommitAll().ok());
  CHECK(offsets.committed(0) == -1);
}

TEST_CASE("A commit that fails is tried again") {
  OffsetsFixture offsets;
  offsets.Handle(0, 3, 3);
  REQUIRE(offsets.consumer().Leave().ok());
  CHECK(absl::IsFailedPrecondition(offsets.CommitAll()));
  CHECK(offsets.streams()[0]->committed == Offset(0));
}

}  // namespace daybook
