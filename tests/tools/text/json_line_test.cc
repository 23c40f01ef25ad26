#include "tools/text/json_line.h"

#include <string>

#include "catch.h"
#include "tools/text/json_key.h"
#include "tools/text/record_json.h"

namespace daybook::tools {
namespace {

std::string Repeated(int times, const std::string& text) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// {"a":{"a":...1...}}
std::string Nested(int levels) { return Repeated(levels, "{\"a\":") + "1" + Repeated(levels, "}"); }

}  // namespace

TEST_CASE("A line is one JSON object") {
  CHECK(ParseJsonObject("{\"a\": [1, {}]}").value().size() == 1);
  for (const std::string_view bad : {"", "text", "[1]", "42", "{\"a\":", "{\"a\":1} x"}) {
    CHECK(absl::IsInvalidArgument(ParseJsonObject(bad).status()));
  }
}

TEST_CASE("A line that is nested too deeply is refused, whatever would be made of it") {
  CHECK(JsonKey(Nested(kMostJsonLevels), "a").ok());
  for (const int levels : {kMostJsonLevels + 1, 50'000, 170'000}) {
    INFO(levels);
    CHECK(absl::IsInvalidArgument(JsonKey(Nested(levels), "a").status()));
    const std::string array = Repeated(levels, "[") + Repeated(levels, "]");
    for (const std::string field : {"payload", "key", "headers", "else"}) {
      const auto record = ParseJson("{\"payload\":\"x\",\"" + field + "\":" + array + "}");
      CHECK(absl::IsInvalidArgument(record.status()));
    }
  }
}

}  // namespace daybook::tools
