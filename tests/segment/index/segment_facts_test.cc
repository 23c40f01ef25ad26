#include "segment/index/segment_facts.h"

#include "catch.h"
#include "segment/segment.h"
#include "support/log/long_log.h"

namespace daybook {

TEST_CASE("Of a segment it is known when it was made and sealed, and of a damaged one its bytes") {
  LongLog log;
  const auto directory = log.root().OpenDirectory("orders-0").value();
  const auto segment =
      Segment::Open(*directory, PartitionName("orders", 0), log.Base(1), MapAccess::kRead).value();
  segment->Follow(log.context().boot);
  const auto facts = FactsOf(*segment);
  CHECK(facts.base_offset == log.Base(1));
  CHECK(facts.bytes > LogFixture::kSegmentBytes / 2);
  CHECK(facts.created == log.clock().Now());
  CHECK(facts.sealed == log.clock().Now());
  const auto damaged = FactsOfDamaged(*directory, log.Base(1)).value();
  CHECK(damaged.bytes >= facts.bytes);
  CHECK_FALSE(damaged.created.has_value());
  CHECK(absl::IsNotFound(FactsOfDamaged(*directory, log.Base(1) + 1).status()));
}

}  // namespace daybook
