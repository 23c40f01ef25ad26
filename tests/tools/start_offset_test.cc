#include "tools/start_offset.h"

#include "catch.h"

namespace daybook::tools {

TEST_CASE("Places to begin are kcat's words") {
  using Kind = StartOffset::Kind;
  CHECK(ParseStartOffset("beginning")->kind == Kind::kBeginning);
  CHECK(ParseStartOffset("end")->kind == Kind::kEnd);
  CHECK(ParseStartOffset("42")->number == 42);
  CHECK(ParseStartOffset("-3")->kind == Kind::kBeforeEnd);
  CHECK(ParseStartOffset("-3")->number == 3);
  CHECK(ParseStartOffset("s@1700000000000")->kind == Kind::kTime);
}

TEST_CASE("Anything else is refused with what there is") {
  for (const std::string_view bad :
       {"", "x", "-", "--1", "s@", "s@x", "1x", "e@5", "99999999999999999999"}) {
    const auto status = ParseStartOffset(bad).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find("beginning") != absl::string_view::npos);
  }
}

}  // namespace daybook::tools
