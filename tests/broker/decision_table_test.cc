#include "broker/decision_table.h"

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
  table.SetRefresh([&] {
    if (++asked == 2) table.LearnCommitted(id);
    if (asked == 3) table.StartEpoch(4);
  });
  table.StartEpoch(3);
  CHECK(table.Of(id) == Decision::kUndecided);
  CHECK(table.Of(id) == Decision::kCommitted);
  CHECK(asked == 2);
  CHECK(table.Of(id + 1) == Decision::kAborted);
  CHECK(asked == 3);
}

}  // namespace daybook
