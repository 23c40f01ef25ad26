#include "tools/text/json_key.h"

#include "catch.h"

namespace daybook::tools {
namespace {

std::string Key(std::string_view line, std::string_view field) {
  const auto key = JsonKey(line, field);
  REQUIRE(key.ok());
  return key->value_or("<none>");
}

}  // namespace

TEST_CASE("A key is the text of a string and the JSON of anything else") {
  CHECK(Key(R"({"a":"text"})", "a") == "text");
  CHECK(Key(R"({"a":"\u00e9\n"})", "a") == "\xc3\xa9\n");
  CHECK(Key(R"({"a":42})", "a") == "42");
  CHECK(Key(R"({"a":true})", "a") == "true");
  CHECK(Key(R"({"a":""})", "a").empty());
}

TEST_CASE("An absent or null field is no key") {
  CHECK(Key(R"({"b":1})", "a") == "<none>");
  CHECK(Key(R"({"a":null})", "a") == "<none>");
  CHECK(Key(R"({"a":1})", "a.b") == "<none>");
}

TEST_CASE("Dots lead into nested objects") { CHECK(Key(R"({"user":{"id":7}})", "user.id") == "7"); }

TEST_CASE("What is not a JSON object is refused") {
  for (const std::string_view bad : {"", "text", "[1]", "42", "{\"a\":", "{\"a\":1} x"}) {
    CHECK(absl::IsInvalidArgument(JsonKey(bad, "a").status()));
  }
}

}  // namespace daybook::tools
