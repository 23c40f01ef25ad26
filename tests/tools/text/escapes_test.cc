#include "tools/text/escapes.h"

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {

TEST_CASE("Escapes stand for what kcat says") {
  const auto decoded = [](std::string_view text) { return tools::DecodeEscapes(text).value(); };
  CHECK(decoded("plain").compare("plain") == 0);
  CHECK(decoded("\\n\\r\\t") == "\n\r\t");
  CHECK(decoded("\\x54!\\x45\\x53T") == "T!EST");
  CHECK(decoded("\\x30") == "0");
  CHECK(decoded("\\x9|\\xfF0") ==
        "\t|\xff"
        "0");
  CHECK(decoded("\\x00") == std::string(1, '\0'));
  CHECK(decoded("\\\\n\\|\\\"") == "\\n|\"");
}

TEST_CASE("An escape that there is not is refused with those that there are") {
  for (const std::string_view bad : {"\\", "a\\", "\\q", "\\x", "\\xg0", "\\0", "\\N"}) {
    INFO(bad);
    const auto status = tools::DecodeEscapes(bad).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find("\\xNN") != absl::string_view::npos);
  }
}

TEST_CASE("A delimiter of keys is written with escapes, and one of nothing is refused") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t -K '\\t'", "k\tv\n");
  daybook.Output("produce t -K '\\x3a='", "k:=w\n");
  CHECK(daybook.Output("consume t -e -f '%k|%s\\n'") == "k|v\nk|w\n");
  CHECK(daybook.Run("produce t -K ''", "x\n").status == 2);
  CHECK(daybook.Run("produce t --key-json ''", "{}\n").status == 2);
  CHECK(daybook.Run("produce t -K '\\q'", "x\n").error.find("no escape \\q") != std::string::npos);
  CHECK(daybook.Output("consume t -e -o 2").empty());
}

}  // namespace daybook
