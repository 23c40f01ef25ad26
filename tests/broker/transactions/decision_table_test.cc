#include "broker/transactions/decision_table.h"

#include "catch.h"

namespace daybook {

using Decision = TransactionTable::Decision;

TEST_CASE("A transaction is undecided until it ends, and then stays what it is") {
  DecisionTable table;
  table.StartEpoch(7);
  const std::uint64_t first = table.Begin();
  const std::uint64_t second = table.Begin();
  CHECK(first != second);
  CHECK(table.Of(first) == Decision::kUndecided);
  table.End(first, Decision::kCommitted);
  table.End(second, Decision::kAborted);
  CHECK(table.Of(first) == Decision::kCommitted);
  CHECK(table.Of(second) == Decision::kAborted);
  table.StartEpoch(8);
  CHECK(table.Of(first) == Decision::kCommitted);
  CHECK(table.Begin() > second);
}

TEST_CASE(
    "No id is used twice when those of an epoch are used up, and none comes before its time") {
  DecisionTable table;
  table.StartEpoch(7, 0xffff'fffe);
  const std::uint64_t first = table.Begin();
  CHECK_FALSE(table.is_epoch_used_up());
  const std::uint64_t second = table.Begin();
  CHECK(first < second);
  CHECK(table.is_epoch_used_up());
  table.End(first, Decision::kCommitted);
  CHECK_FALSE(table.StartNextEpoch());  // it would be aborted for followers
  CHECK(table.Of(second) == Decision::kUndecided);
  table.End(second, Decision::kCommitted);
  CHECK(table.StartNextEpoch());
  CHECK_FALSE(table.is_epoch_used_up());
  const std::uint64_t third = table.Begin();
  CHECK(third > second);
  CHECK(table.Of(third) == Decision::kUndecided);
  CHECK(table.Of(second) == Decision::kCommitted);
}

TEST_CASE("What an earlier open left undecided is aborted, and what it committed is known again") {
  DecisionTable before;
  before.StartEpoch(1);
  const std::uint64_t committed = before.Begin();
  const std::uint64_t undecided = before.Begin();
  DecisionTable after;
  after.LearnCommitted(committed);
  after.StartEpoch(2);
  CHECK(after.Of(committed) == Decision::kCommitted);
  CHECK(after.Of(undecided) == Decision::kAborted);
  CHECK(after.committed().Contains(committed));
}

TEST_CASE(
    "A follower asks again before it calls a transaction undecided, and never calls it failed") {
  DecisionTable table;
  int asked = 0;
  const std::uint64_t id = std::uint64_t{3} << DecisionTable::kEpochShift;
  table.Follow({.refresh =
                    [&] {
                      if (++asked == 2) table.LearnCommitted(id);
                      if (asked == 3) table.StartEpoch(4);
                      return true;
                    },
                .is_gone = [] { return false; }});
  table.StartEpoch(3);
  CHECK(table.Of(id) == Decision::kUndecided);
  CHECK(table.Of(id) == Decision::kCommitted);
  CHECK(asked == 2);
  CHECK(table.Of(id + 1) == Decision::kAborted);
  CHECK(asked == 3);
}

TEST_CASE("What a dead process left undecided has failed, unless it decided that before it died") {
  DecisionTable table;
  const std::uint64_t id = std::uint64_t{3} << DecisionTable::kEpochShift;
  int asked = 0;
  bool is_gone = false;
  table.Follow({.refresh =
                    [&] {
                      // The last thing that it did, between our first look and its death.
                      if (++asked == 3) table.LearnCommitted(id);
                      return true;
                    },
                .is_gone = [&] { return is_gone; }});
  table.StartEpoch(3);
  CHECK(table.Of(id) == Decision::kUndecided);
  is_gone = true;
  CHECK(table.Of(id) == Decision::kCommitted);
  CHECK(table.Of(id + 1) == Decision::kAborted);
  // The next one begins where the dead one ended: nothing of it counts as failed.
  is_gone = false;
  const int before = asked;
  CHECK(table.Of(id + 2) == Decision::kAborted);
  CHECK(asked == before);
  CHECK(table.Of(std::uint64_t{4} << DecisionTable::kEpochShift) == Decision::kUndecided);
}

TEST_CASE("An id of an open that nobody noted says nothing about those that follow") {
  DecisionTable table;
  bool is_gone = true;
  table.Follow({.refresh = [] { return true; }, .is_gone = [&] { return is_gone; }});
  table.StartEpoch(3);
  CHECK(table.Of(std::uint64_t{900} << DecisionTable::kEpochShift) == Decision::kAborted);
  is_gone = false;
  CHECK(table.Of(std::uint64_t{4} << DecisionTable::kEpochShift) == Decision::kUndecided);
}

TEST_CASE("Where decisions cannot be read nothing is called failed") {
  DecisionTable table;
  table.Follow({.refresh = [] { return false; }, .is_gone = [] { return true; }});
  table.StartEpoch(3);
  CHECK(table.Of(std::uint64_t{3} << DecisionTable::kEpochShift) == Decision::kUndecided);
}

}  // namespace daybook
