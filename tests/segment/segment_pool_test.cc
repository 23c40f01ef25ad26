#include "segment/segment_pool.h"

#include "catch.h"

namespace daybook {

TEST_CASE("A segment comes back when its last reference goes, and is used again") {
  const auto pool = std::make_shared<SegmentPool>(PartitionName("t", 0), 64 << 10, 16 << 10);
  auto first = pool->Take(Offset(0), Timestamp()).value();
  const auto pinned = first;
  Segment* const address = first.get();
  first.reset();
  const auto second = pool->Take(Offset(10), Timestamp()).value();
  CHECK(second.get() != address);  // still pinned
  CHECK(pool->size() == 2);
}

TEST_CASE("A pool makes no more segments than are in use at once") {
  const auto pool = std::make_shared<SegmentPool>(PartitionName("t", 0), 64 << 10, 16 << 10);
  for (int i = 0; i < 10; ++i) {
    const auto segment = pool->Take(Offset(i), Timestamp()).value();
    CHECK(segment->base_offset() == Offset(i));
  }
  CHECK(pool->size() == 1);
}

TEST_CASE("A segment outlives its pool while it is referred to") {
  auto pool = std::make_shared<SegmentPool>(PartitionName("t", 0), 64 << 10, 16 << 10);
  const auto segment = pool->Take(Offset(3), Timestamp()).value();
  pool.reset();
  CHECK(segment->base_offset() == Offset(3));
}

}  // namespace daybook
