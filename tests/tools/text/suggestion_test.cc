#include "tools/text/suggestion.h"

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {

TEST_CASE("A command or an option that there is not is answered with the nearest") {
  CommandFixture daybook;
  const auto refusal = [&](const std::string& arguments) {
    const auto result = daybook.Run(arguments);
    CHECK(result.status == 2);
    CHECK(result.error.find("--help") != std::string::npos);
    return result.error.substr(0, result.error.find('\n'));
  };
  CHECK(refusal("topics list") == "there is no command topics; did you mean topic?");
  CHECK(refusal("cosume t") == "there is no command cosume; did you mean consume?");
  CHECK(refusal("topic lst") == "there is no command lst; did you mean list?");
  CHECK(refusal("--format json group descibe g") ==
        "there is no command descibe; did you mean describe?");
  CHECK(refusal("frobnicate") ==
        "there is no command frobnicate; there are topic, produce, consume, group, dump, verify, "
        "repair");
  CHECK(refusal("consume t --partitoin 3") ==
        "there is no option --partitoin; did you mean --partition?");
  CHECK(refusal("topic create t --fromat json") ==
        "there is no option --fromat; did you mean --format?");
  CHECK(refusal("--drr x topic list") == "there is no option --drr; did you mean --dir?");
}

TEST_CASE("Where a word is missing, and not wrong, that is what is said") {
  CommandFixture daybook;
  CHECK(daybook.Run("topic").error.find("subcommand is required") != std::string::npos);
  CHECK(daybook.Run("topic create").error.find("name is required") != std::string::npos);
  CHECK(daybook.Run("consume t u").error.find("u") != std::string::npos);
}

TEST_CASE("A number that is out of its range is refused in one short line") {
  CommandFixture daybook;
  for (const std::string arguments :
       {"consume t -p -1", "consume t -c -2", "produce t -p -1", "produce t -c -1", "dump t -p -1",
        "consume t -p 99999999999999999999", "topic create t --partitions 99999999999",
        "consume t -p 1.5", "--format xml topic list"}) {
    INFO(arguments);
    const auto result = daybook.Run(arguments);
    CHECK(result.status == 2);
    CHECK(result.error.find('\n') < 100);
  }
  CHECK(daybook.Run("consume t -p -1").error.find("-1 is not a whole number from 0 on") !=
        std::string::npos);
}

}  // namespace daybook
