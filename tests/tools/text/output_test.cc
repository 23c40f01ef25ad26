#include "tools/text/output.h"

#include <string>

#include "catch.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {
namespace {

// A topic of which a pipe does not take what is read at once.
struct LongTopic : CommandFixture {
  LongTopic() {
    Output("topic create t");
    for (int i = 0; i < 1000; ++i) lines += std::to_string(i) + std::string(400, '.') + "\n";
    Output("produce t", lines);
  }
  std::string lines;
};

}  // namespace

TEST_CASE("All that is printed arrives in a pipe that does not block, however slowly it is read") {
  LongTopic daybook;
  for (const std::string arguments : {"consume t -e", "consume t -e -G g", "dump t"}) {
    INFO(arguments);
    RunningCommand command(daybook.Command(arguments), RunningCommand::Pipe::kNonBlocking);
    command.AwaitFullOutput();
    const std::string printed = command.ReadToEnd();
    CHECK(command.Wait() == 0);
    CHECK(daybook.error().empty());
    const bool is_whole =
        arguments == "dump t" ? printed == daybook.Output(arguments) : printed == daybook.lines;
    CHECK(is_whole);
  }
}

TEST_CASE("Output that cannot be written is an error of every command") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "a\n");
  for (const std::string arguments :
       {"--help", "--version", "topic create --help", "topic list", "topic describe t",
        "consume t -e", "consume t -e -J", "consume t -e -G g", "group list", "group describe g",
        "dump t", "verify", "repair", "--format json verify", "--format json repair"}) {
    INFO(arguments);
    if (arguments == "group describe g") daybook.Output("consume t -e -G g");
    const auto result = daybook.Run(arguments + " >/dev/full");
    CHECK(result.status == 1);
    CHECK(result.error == "daybook: cannot write to standard output: No space left on device\n");
  }
}

TEST_CASE("What cannot be written is not committed for a group") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "a\n");
  CHECK(daybook.Run("consume t -e -G g >/dev/full").status == 1);
  CHECK(daybook.Output("consume t -e -G g") == "a\n");
}

TEST_CASE("Output that nobody reads any more ends every command quietly") {
  LongTopic daybook;
  daybook.Output("consume t -c 1 -G g");
  for (const std::string arguments :
       {"dump t", "--format json dump t", "verify", "repair", "topic list", "topic describe t",
        "group list", "group describe g", "--help"}) {
    INFO(arguments);
    RunningCommand command("sh -c 'read gone; exec " + daybook.Command(arguments) + "'");
    command.CloseOutput();
    command.Write("\n");
    CHECK(command.Wait() == 0);
    CHECK(daybook.error().empty());
  }
  RunningCommand dump(daybook.Command("dump t"));
  dump.AwaitFullOutput();
  dump.CloseOutput();
  CHECK(dump.Wait() == 0);
}

TEST_CASE("Output that nobody reads any more ends consume quietly") {
  LongTopic daybook;
  for (const std::string arguments : {"", "-e", "-G g"}) {
    RunningCommand consume(daybook.Command("consume t " + arguments));
    CHECK(consume.Read(2) == "0.");
    consume.CloseOutput();
    CHECK(consume.Wait() == 0);
    CHECK(daybook.error().empty());
  }
  CHECK(daybook.Output("consume t -G g -c 1").substr(0, 2) == "0.");
}

}  // namespace daybook
