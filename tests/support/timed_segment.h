#ifndef DAYBOOK_SUPPORT_TIMED_SEGMENT_H_
#define DAYBOOK_SUPPORT_TIMED_SEGMENT_H_

#include <chrono>
#include <cstdint>

#include "catch.h"
#include "support/segment_fixture.h"

namespace daybook {

inline constexpr std::uint64_t kRecordBytes = 128;  // of a value of 100 bytes

inline Timestamp At(int seconds) { return Timestamp(std::chrono::seconds(seconds)); }

// Records of the times 10, 20, 30, ...
inline void WriteEveryTenSeconds(SegmentFixture& fixture, int count) {
  REQUIRE(fixture.segment->Extend(16 << 10, false).ok());
  for (int i = 1; i <= count; ++i) REQUIRE(fixture.Write(100, At(10 * i)));
}

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_TIMED_SEGMENT_H_
