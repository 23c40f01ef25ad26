#include "segment/partition_name.h"

#include "catch.h"

namespace daybook {

TEST_CASE("Files and directories are named as in Kafka") {
  CHECK(PartitionName("orders", 3).directory() == "orders-3");
  CHECK(SegmentFileName(Offset(42), ".log") == "00000000000000000042.log");
  CHECK(SegmentFileName(Offset(0), ".index") == "00000000000000000000.index");
}

TEST_CASE("The partition is read back from its directory's name and from no other") {
  const auto name = PartitionName::Parse("a-b-12");
  REQUIRE(name.has_value());
  CHECK(name->topic() == "a-b");
  CHECK(name->partition() == 12);
  for (const std::string_view other :
       {"", "a", "-", "-1", "a-", "a-b", "a-1x", "a-+1", "a- 1", "a-01", "a-99999999999"}) {
    CAPTURE(other);
    CHECK_FALSE(PartitionName::Parse(other).has_value());
  }
}

TEST_CASE("The base offset is read back from a segment's name and from no other") {
  CHECK(ParseSegmentFileName("00000000000000000042.log") == Offset(42));
  CHECK_FALSE(ParseSegmentFileName("00000000000000000042.index").has_value());
  CHECK_FALSE(ParseSegmentFileName("00000000000000000042.log.tmp").has_value());
  CHECK_FALSE(ParseSegmentFileName("0000000000000000042.log").has_value());
  CHECK_FALSE(ParseSegmentFileName("-0000000000000000042.log").has_value());
  CHECK_FALSE(ParseSegmentFileName("99999999999999999999.log").has_value());  // over 63 bits
  CHECK_FALSE(ParseSegmentFileName("09223372036854775807.log").has_value());  // no room for offsets
  CHECK_FALSE(ParseSegmentFileName("").has_value());
}

}  // namespace daybook
