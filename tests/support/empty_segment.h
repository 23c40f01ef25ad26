#ifndef DAYBOOK_SUPPORT_EMPTY_SEGMENT_H_
#define DAYBOOK_SUPPORT_EMPTY_SEGMENT_H_

#include <algorithm>
#include <optional>

#include "catch.h"
#include "support/log_fixture.h"

namespace daybook {

// A log whose writer was killed at the first claim of its second segment. Whoever recovers it seals
// that one empty, and appends go on in another file of its name.
struct EmptyLastSegment : LogFixture {
  EmptyLastSegment() {
    WriteMany(400);
    Sync();
    WriteMany(10);
    ClaimOptions options;
    options.value_bytes = 16'000;
    auto made = log().Claim(options);
    REQUIRE(made.ok());
    std::fill(made->value().begin(), made->value().end(), std::byte{'x'});
    claim.emplace(std::move(*made));
    Kill();
    REQUIRE(end() == Offset(410));
    REQUIRE(Segments().size() == 2);
  }
  std::optional<RecordClaim> claim;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_EMPTY_SEGMENT_H_
