#ifndef DAYBOOK_SUPPORT_LOG_LONG_LOG_H_
#define DAYBOOK_SUPPORT_LOG_LONG_LOG_H_

#include <string>

#include "support/log_fixture.h"

namespace daybook {

// A log of many segments, whose values are their offsets.
struct LongLog : LogFixture {
  explicit LongLog(Durability durability = Durability::kProcess) : LogFixture(durability) {
    WriteOffsets(4'000);
    REQUIRE(Segments().size() > 5);
  }
  void WriteOffsets(int count) {
    for (int i = 0; i < count; ++i) {
      std::string value = std::to_string(next_++);
      value.resize(100, '.');
      Write(value);
    }
  }
  // The base offset of the n-th segment that there is.
  Offset Base(std::size_t n) const { return *ParseSegmentFileName(Segments().at(n)); }
  Offset begin() { return log().begin_offset().value(); }
  // All values from the beginning on are there, and are what they should be.
  void CheckValues() {
    std::int64_t next = begin().value();
    for (const std::string& value : Values(begin())) {
      REQUIRE(value.substr(0, value.find('.')) == std::to_string(next++));
    }
    CHECK(Offset(next) == end());
  }
  void Drop(Offset offset) {
    const auto status = log().DropBefore(offset);
    INFO(status);
    REQUIRE(status.ok());
  }

 private:
  int next_ = 0;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_LOG_LONG_LOG_H_
