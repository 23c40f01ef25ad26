#include "tools/text/bytes.h"

#include "catch.h"

namespace daybook::tools {

TEST_CASE("Text is printed as it is, and what could do something to a terminal is not") {
  CHECK(ToPrintable("") == "");
  CHECK(ToPrintable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\x") ==
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\x");
  CHECK(ToPrintable("a\x1b[31m\x7f\t\n") == "a\\x1b[31m\\x7f\\x09\\x0a");
  CHECK(ToPrintable("a\nb\r", LineFeeds::kKeep) == "a\nb\\x0d");
  CHECK(ToPrintable("\xc2\x9b\xc2\xa0") == "\\xc2\\x9b\xc2\xa0");
  CHECK(ToPrintable("\xff\xc3(\xe2\x82") == "\\xff\\xc3(\\xe2\\x82");
  CHECK(ToPrintable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("What is UTF-8 is what JSON takes") {
  for (const char* text : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    INFO(ToPrintable(text));
    CHECK(IsUtf8(text));
    CHECK_NOTHROW(nlohmann::json(text).dump());
  }
  for (const char* text :
       {"\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff", "\xe2\x82("}) {
    INFO(ToPrintable(text));
    CHECK_FALSE(IsUtf8(text));
    CHECK_THROWS(nlohmann::json(text).dump());
  }
}

TEST_CASE("Bytes that are no text are Base64 in JSON, at any depth") {
  const nlohmann::json json = {{"a", "\xff"}, {"b", {1, "x", nlohmann::json::array({"\xfe"})}}};
  CHECK(DumpJson(json) == R"({"a":{"base64":"/w=="},"b":[1,"x",[{"base64":"/g=="}]]})");
  const nlohmann::ordered_json ordered = {{"z", "\xff"}, {"a", nullptr}};
  CHECK(DumpJson(ordered) == R"({"z":{"base64":"/w=="},"a":null})");
}

}  // namespace daybook::tools
