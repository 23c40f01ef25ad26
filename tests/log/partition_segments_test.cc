#include <chrono>
#include <string>
#include <vector>

#include "catch.h"
#include "support/log/long_log.h"

namespace daybook {

using std::chrono::hours;

TEST_CASE("A log tells of its segments, those that are open, unmapped, and of before a crash") {
  LongLog log(Durability::kDisk);
  const auto check = [&] {
    const auto segments = log.log().Segments().value();
    REQUIRE(segments.size() == log.Segments().size());
    for (std::size_t i = 0; i != segments.size(); ++i) {
      CHECK(segments[i].base_offset == log.Base(i));
      const bool is_last = i + 1 == segments.size();
      CHECK((is_last || segments[i].bytes > LogFixture::kSegmentBytes / 2));
      CHECK(segments[i].bytes <= LogFixture::kSegmentBytes);
      CHECK(segments[i].created == log.clock().Now());
      if (!is_last) CHECK(segments[i].sealed == log.clock().Now());
    }
  };
  check();
  log.Kill();
  check();
  check();  // what is known by now
  log.CutPower(1);
  check();
  log.Drop(log.Base(3));
  check();
}

TEST_CASE("When the last record was appended is known, also of a log that is empty") {
  LogFixture log;
  CHECK_FALSE(log.log().LastAppendTime().value().has_value());
  log.Write("a");
  const Timestamp first = log.clock().Now();
  log.clock().Advance(hours(1));
  CHECK(log.log().LastAppendTime().value() == first);
  log.Write("b");
  CHECK(log.log().LastAppendTime().value() == first + hours(1));
  REQUIRE(log.log().RaiseLogStart(log.end()).ok());
  CHECK_FALSE(log.log().LastAppendTime().value().has_value());
}

TEST_CASE("A segment is rolled by its base offset, once, and only if it has records") {
  LogFixture log;
  log.log().RollFrom(Offset(0));
  log.Write("a");
  log.log().RollFrom(Offset(7));  // another one
  log.Write("b");
  CHECK(log.Segments().size() == 1);
  log.log().RollFrom(Offset(0));
  log.log().RollFrom(Offset(0));
  log.clock().Advance(hours(1));
  log.Write("c");
  CHECK(log.Segments().size() == 2);
  const auto segments = log.log().Segments().value();
  REQUIRE(segments.size() == 2);
  CHECK(segments[1].base_offset == Offset(2));
  CHECK(segments[1].created.value() - segments[0].created.value() == hours(1));
  CHECK(log.Values() == std::vector<std::string>{"a", "b", "c"});
}

}  // namespace daybook
