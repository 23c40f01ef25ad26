#include "tools/text/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {
namespace {

// The lines of `text`, which fits into a pipe, and "!" for a refusal.
std::vector<std::string> Lines(const std::string& text, std::size_t max_bytes) {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(ends[1]);
  tools::LineReader reader(ends[0], max_bytes);
  std::vector<std::string> lines;
  for (std::string_view line;;) {
    const auto more = reader.Next(&line);
    if (!more.ok()) lines.emplace_back("!");
    if (!more.ok() || !*more) break;
    lines.emplace_back(line);
  }
  close(ends[0]);
  return lines;
}

}  // namespace

TEST_CASE("Lines end at newlines, and the last one at the end") {
  using Expected = std::vector<std::string>;
  CHECK(Lines("", 10) == Expected{});
  CHECK(Lines("\n", 10) == Expected{""});
  CHECK(Lines("a\n\nb", 10) == Expected{"a", "", "b"});
  CHECK(Lines(std::string("a\0b\n", 4), 10) == Expected{std::string("a\0b", 3)});
}

TEST_CASE("A line of the most bytes is taken, and one of one more is not") {
  using Expected = std::vector<std::string>;
  CHECK(Lines("abc\nabc", 3) == Expected{"abc", "abc"});
  CHECK(Lines("abc\nabcd\nab\n", 3) == Expected{"abc", "!"});
  CHECK(Lines("abc\nabcd", 3) == Expected{"abc", "!"});
}

TEST_CASE("Input that does not block is waited for") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  std::thread writer([&] {
    for (const char c : {'a', '\n', 'b'}) {
      if (write(ends[1], &c, 1) != 1) break;
    }
    close(ends[1]);
  });
  tools::LineReader reader(ends[0], 10);
  std::string_view line;
  CHECK(reader.Next(&line).value());
  CHECK(line == "a");
  CHECK(reader.Next(&line).value());
  CHECK(line == "b");
  CHECK_FALSE(reader.Next(&line).value());
  writer.join();
  close(ends[0]);
}

TEST_CASE("A line that goes on and on is refused with its number, without being read") {
  constexpr std::size_t kMost = std::size_t{300} << 20;
  CommandFixture daybook;
  daybook.Output("topic create t --config max.message.bytes=1000");
  for (const std::string arguments : {"", "-K :", "-J", "--key-json k"}) {
    INFO(arguments);
    RunningCommand produce(daybook.Command("produce t " + arguments));
    if (arguments.empty()) produce.Write("one\n");
    const std::size_t taken = produce.WriteUntilRefused(std::string(64 << 10, 'x'), kMost);
    CHECK(taken < (std::size_t{4} << 20));
    CHECK(produce.Wait() == 1);
    INFO(daybook.error());
    CHECK(daybook.error().find(arguments.empty() ? "line 2: " : "line 1: ") != std::string::npos);
    CHECK(daybook.error().find("longer than") != std::string::npos);
  }
  CHECK(daybook.Output("consume t -e") == "one\n");
}

TEST_CASE("A line of the largest record that the topic takes is sent") {
  CommandFixture daybook;
  daybook.Output("topic create t --config max.message.bytes=200000");
  const std::string largest(200'000, 'x');
  daybook.Output("produce t", largest + "\n" + largest);
  daybook.Output("produce t -K ::", "k::" + largest.substr(1) + "\n");
  CHECK(daybook.Run("produce t", largest + "x\n").status == 1);
  CHECK(daybook.Run("produce t", largest + "x").status == 1);
  CHECK(daybook.Output("consume t -e -f '%S '") == "200000 200000 199999 ");
  // As JSON it is longer.
  const std::string controls(200'000, '\1');
  daybook.Output("topic create u --config max.message.bytes=200000");
  daybook.Output("produce u", controls + "\n");
  daybook.Output("topic create v --config max.message.bytes=200000");
  daybook.Output("produce v -J", daybook.Output("consume u -e -J"));
  CHECK(daybook.Output("consume v -e -f '%s'") == controls);
}

}  // namespace daybook
