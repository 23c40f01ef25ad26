#include "tools/commands/command_line.h"

#include "catch.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {

TEST_CASE("Wrong usage exits with 2 and says what to do") {
  CommandFixture daybook;
  CHECK(daybook.Run("").status == 2);
  CHECK(daybook.Run("frobnicate").status == 2);
  CHECK(daybook.Run("consume").status == 2);
  CHECK(daybook.Run("topic create x --partitions many").status == 2);
  CHECK(daybook.Run("consume").error.find("--help") != std::string::npos);
}

TEST_CASE("What is wrong with the words alone exits with 2, whatever there is in the directory") {
  CommandFixture daybook;
  for (const std::string arguments :
       {"consume t -f %q", "consume t -f '\\q'", "consume t -o x", "consume t -o e@1 -o e@2",
        "consume t u", "consume ^a ^b -G g", "produce t -K '\\q'", "topic create t --config x",
        "topic create t --config no.such=1", "topic create t --config segment.bytes=1",
        "topic create t --config durability=none", "topic create t --partitions -1",
        "group seek g --to-datetime yesterday", "group seek g --topic t:x --to-latest"}) {
    INFO(arguments);
    const auto refused = daybook.Run(arguments);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_FALSE(refused.error.empty());
  }
  CHECK_FALSE(std::filesystem::exists(daybook.data()));
}

TEST_CASE("An error does nothing to the terminal that it is shown at") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  for (const std::string arguments :
       {"topic describe $(printf 'a\\033[31m')", "group describe $(printf 'a\\033[31m')",
        "$(printf 'a\\033[31m')", "consume t -o $(printf 'a\\033[31m')"}) {
    INFO(arguments);
    const auto refused = daybook.Run(arguments);
    CHECK(refused.status > 0);
    CHECK(refused.error.find("a\\x1b[31m") != std::string::npos);
    CHECK(refused.error.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("Help and version exit with 0") {
  CommandFixture daybook;
  CHECK(daybook.Output("--help").find("Exit status") != std::string::npos);
  CHECK(daybook.Output("--version").find("format version 2") != std::string::npos);
  CHECK(daybook.Output("produce --help").find("--key-json") != std::string::npos);
  // By which time is searched, since a record has two.
  CHECK(daybook.Output("consume --help").find("timestamp (%T)") != std::string::npos);
  CHECK(daybook.Output("group seek --help").find("timestamp of then or later") !=
        std::string::npos);
}

TEST_CASE("Reading a directory that is not there or not ours is an error and makes nothing") {
  CommandFixture daybook;
  CHECK(daybook.Run("topic list").status == 1);
  CHECK_FALSE(std::filesystem::exists(daybook.data()));
  std::filesystem::create_directory(daybook.data());
  CommandFixture::Put(daybook.data() / "thesis.txt", "text");
  const auto refused = daybook.Run("topic create orders");
  CHECK(refused.status == 1);
  CHECK(refused.error.find("thesis.txt") != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(daybook.data()), {}) == 1);
}

TEST_CASE("A limit on the size of files is an error with a way out, and not the end") {
  CommandFixture daybook;
  daybook.Output("topic create t --config segment.bytes=1048576");
  daybook.Output("produce t", "a\n");
  daybook.Output("topic create u --config segment.bytes=1048576");
  RunningCommand produce("sh -c 'ulimit -f 64 && exec " + daybook.Command("produce u") + "'");
  // More than 64 blocks of 512 bytes.
  produce.Write(std::string(60'000, 'b') + "\n");
  produce.CloseInput();
  CHECK(produce.Wait() == 1);
  INFO(daybook.error());
  CHECK(daybook.error().find("ulimit -f") != std::string::npos);
  CHECK(daybook.Output("consume t -e") == "a\n");
}

}  // namespace daybook
