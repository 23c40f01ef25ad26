#include "tools/standard_streams.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {
namespace {

struct Closed {
  std::string streams;
  bool has_output;
};

const std::vector<Closed>& AllClosed() {
  static const std::vector<Closed> all = {
      {"<&-", true},      {">&-", false},      {"2>&-", true},          {"<&- >&-", false},
      {"<&- 2>&-", true}, {">&- 2>&-", false}, {"<&- >&- 2>&-", false},
  };
  return all;
}

bool IsNumber(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

TEST_CASE("What is printed goes into no file, whatever standard streams are closed") {
  for (const auto& [closed, has_output] : AllClosed()) {
    INFO(closed);
    CommandFixture daybook;
    daybook.Output("topic create t");
    daybook.Output("produce t", "a\nb\n");
    CHECK(daybook.Run("topic create u " + closed).status == 0);
    CHECK(daybook.Run("consume t -e -G g " + closed).status == (has_output ? 0 : 1));
    CHECK(daybook.Run("topic list " + closed).status == (has_output ? 0 : 1));
    daybook.Run("produce t -J " + closed, "no JSON\n");  // an error message, or none
    CHECK(IsNumber(CommandFixture::Get(daybook.data() / "daybook.lock")));
    CHECK(daybook.Run("verify").status == 0);
    CHECK(daybook.Output("consume t -e") == "a\nb\n");
    // What could not be printed was not committed.
    CHECK(daybook.Output("consume t -e -G g") == (has_output ? "" : "a\nb\n"));
  }
}

TEST_CASE("Closed standard input is an error of produce, and not its end") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  const auto result = daybook.Run("produce t <&-");
  CHECK(result.status == 1);
  CHECK(result.error.find("cannot read standard input") != std::string::npos);
  CHECK(daybook.Run("produce t <&- >&- 2>&-").status == 1);
}

}  // namespace daybook
