#include "tools/interrupts.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/reader.h"
#include "support/child_process.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {
namespace {

// A topic of which a pipe does not take what is read at once.
struct LongTopic : CommandFixture {
  LongTopic() {
    Output("topic create t");
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += std::to_string(i) + std::string(400, '.') + "\n";
    Output("produce t", lines);
  }
};

// Until so many records of "t" can be read.
void AwaitRecords(const CommandFixture& daybook, std::size_t count) {
  BrokerOptions options;
  options.access = BrokerAccess::kReadOnly;
  const auto broker = Broker::Open(daybook.data().string(), options).value();
  auto reader = Reader::Open(*broker, "t").value();
  for (std::size_t seen = 0; seen < count;) {
    const auto batch = reader.Poll(std::chrono::seconds(30)).value();
    REQUIRE_FALSE(batch.empty());
    seen += batch.size();
  }
}

}  // namespace

TEST_CASE("A signal ends consume while nobody reads what it prints") {
  LongTopic daybook;
  for (const int signal : {SIGTERM, SIGINT}) {
    for (const std::string arguments : {"", "-e", "-J", "-G g"}) {
      INFO(signal << " " << arguments);
      RunningCommand consume(daybook.Command("consume t " + arguments));
      consume.AwaitFullOutput();
      consume.Signal(signal);
      CHECK(consume.Wait() == 0);
      CHECK(daybook.error().empty());
    }
  }
  // What nobody has read is not committed.
  CHECK(daybook.Output("consume t -G g -c 1").substr(0, 2) == "0.");
}

TEST_CASE("A signal ends every other command, too, while nobody reads what it prints") {
  LongTopic daybook;
  RunningCommand dump(daybook.Command("dump t"));
  dump.AwaitFullOutput();
  dump.Signal(SIGTERM);
  CHECK(dump.Wait() == 128 + SIGTERM);
}

TEST_CASE("A signal ends consume while it waits for records") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "a\n");
  for (const std::string arguments : {"", "-G g"}) {
    RunningCommand consume(daybook.Command("consume t " + arguments));
    CHECK(consume.Read(100) == "a\n");
    consume.Signal(SIGTERM);
    CHECK(consume.Wait() == 0);
  }
  CHECK(daybook.Output("consume t -G g -e").empty());
}

TEST_CASE("A signal ends produce, which says how many records it has sent") {
  for (const int signal : {SIGTERM, SIGINT}) {
    CommandFixture daybook;
    daybook.Output("topic create t");
    RunningCommand produce(daybook.Command("produce t"));
    produce.Write("a\nb\nhalf a li");
    AwaitRecords(daybook, 2);
    produce.Signal(signal);
    CHECK(produce.Wait() == 1);  // so that nobody takes its input for sent
    CHECK(daybook.error() == "daybook: interrupted (2 records were sent)\n");
    CHECK(daybook.Output("consume t -e") == "a\nb\n");
  }
}

TEST_CASE("A signal ends produce while its input never does") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  RunningCommand produce("yes | " + daybook.Command("produce t"));
  // The shell is not replaced by a pipeline; the signal goes to the program itself.
  AwaitRecords(daybook, 1);
  const std::string holder = CommandFixture::Get(daybook.data() / "daybook.lock");
  REQUIRE(kill(std::stoi(holder), SIGINT) == 0);
  CHECK(produce.Wait() == 1);
  const std::string error = daybook.error();
  const std::string sent = daybook.Output("consume t -e");
  CHECK(error ==
        "daybook: interrupted (" + std::to_string(sent.size() / 2) + " records were sent)\n");
}

TEST_CASE("A second signal ends a process that takes too long over the first") {
  CHECK(InChild([] {
          tools::CatchInterrupts();
          raise(SIGTERM);
          return tools::IsInterrupted() ? 7 : 1;
        }) == 7);
  CHECK(InChild([] {
          tools::CatchInterrupts();
          raise(SIGTERM);
          raise(SIGTERM);
          return 7;
        }) == -1);
  for (const int first : {SIGINT, SIGTERM}) {
    CHECK(InChild([&] {
            tools::CatchInterrupts();
            raise(first);
            raise(first == SIGINT ? SIGTERM : SIGINT);
            return 7;
          }) == -1);
  }
}

TEST_CASE("A wait that begins after the signal ends at once, unless there is something to do") {
  CHECK(InChild([] {
          std::array<int, 2> ends{};
          if (pipe(ends.data()) != 0) return 1;
          tools::CatchInterrupts();
          raise(SIGINT);
          if (tools::WaitUntilReady(ends[0], POLLIN)) return 2;
          if (tools::WaitUntilReady(ends[0], POLLIN)) return 3;
          if (!tools::WaitUntilReady(ends[1], POLLOUT)) return 4;
          return 7;
        }) == 7);
}

}  // namespace daybook
