#include "segment/replace/replacement.h"

#include "catch.h"
#include "segment/partition_name.h"
#include "support/segment_fixture.h"

namespace daybook {

TEST_CASE("A marker says by its name what is replaced, and by which segment") {
  const Replacement replacement{.begin = Offset(7), .end = Offset(4'000), .segment_id = 0xabc};
  const auto parsed = Replacement::ParseMarker(replacement.marker());
  REQUIRE(parsed.has_value());
  CHECK(parsed->begin == Offset(7));
  CHECK(parsed->end == Offset(4'000));
  CHECK(parsed->segment_id == 0xabc);
}

TEST_CASE("What is no marker is not taken for one") {
  const std::string good = Replacement{Offset(7), Offset(9), 1}.marker();
  for (const std::string& name :
       {std::string("orders"), std::string(), good + "x", "x" + good.substr(1),
        Replacement{Offset(9), Offset(9), 1}.marker(),
        Replacement{Offset(9), Offset(7), 1}.marker(), SegmentFileName(Offset(7), ".log")}) {
    INFO(name);
    CHECK_FALSE(Replacement::ParseMarker(name).has_value());
  }
}

TEST_CASE_METHOD(SegmentFixture, "A segment is in place if the one that stands there has its id") {
  const Replacement here{.begin = Offset(100), .end = Offset(200), .segment_id = 7};
  CHECK(here.IsInPlace(*directory).value());
  const Replacement other{.begin = Offset(100), .end = Offset(200), .segment_id = 8};
  CHECK_FALSE(other.IsInPlace(*directory).value());
  const Replacement none{.begin = Offset(101), .end = Offset(200), .segment_id = 7};
  CHECK_FALSE(none.IsInPlace(*directory).value());
}

}  // namespace daybook
