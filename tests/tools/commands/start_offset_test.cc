#include "tools/commands/start_offset.h"

#include <string>
#include <vector>

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

TEST_CASE("A range has a start and an end at most, in any order") {
  using Kind = StartOffset::Kind;
  CHECK(ParseOffsetRange({})->start.kind == Kind::kBeginning);
  CHECK_FALSE(ParseOffsetRange({"5"})->end.has_value());
  for (const std::vector<std::string>& texts :
       {std::vector<std::string>{"s@3", "e@7"}, std::vector<std::string>{"e@7", "s@3"}}) {
    const OffsetRange range = ParseOffsetRange(texts).value();
    CHECK(range.start.kind == Kind::kTime);
    CHECK(range.start.number == 3);
    CHECK(range.end->kind == Kind::kTime);
    CHECK(range.end->number == 7);
  }
  CHECK(ParseOffsetRange({"e@7"})->start.kind == Kind::kBeginning);
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"e@"}, std::vector<std::string>{"e@-1"},
        std::vector<std::string>{"e@x"}, std::vector<std::string>{"1", "2"},
        std::vector<std::string>{"e@1", "e@2"}, std::vector<std::string>{"e@s@1"}}) {
    CHECK(absl::IsInvalidArgument(ParseOffsetRange(bad).status()));
  }
}

}  // namespace daybook::tools
