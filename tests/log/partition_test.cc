#include "daybook/partition.h"

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {

TEST_CASE("A partition says which one it is and does what its log does") {
  LogFixture log;
  Partition partition(log.log().shared_from_this());
  CHECK(partition.topic() == "orders");
  CHECK(partition.id() == 0);
  CHECK(partition.Append(RecordOf("a")).value() == Offset(0));
  CHECK(partition.Append(RecordOf("b"), {.durability = Durability::kDisk}).value() == Offset(1));
  CHECK(partition.begin_offset().value() == Offset(0));
  CHECK(partition.end_offset().value() == Offset(2));
  CHECK(partition.durable_offset().value() == Offset(2));
  CHECK(partition.WaitDurable(Offset(2)).ok());
  const auto batch = partition.Read(Offset(1));
  REQUIRE(batch.ok());
  CHECK(batch->size() == 1);
  CHECK(batch->begin()->value == "b");
  CHECK(partition.OffsetForTime(Timestamp()).value() == Offset(0));
  CHECK(partition.NextReadable(Offset(1)).value() == Offset(1));
}

}  // namespace daybook
