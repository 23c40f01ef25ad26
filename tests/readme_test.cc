#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catch.h"
#include "support/paths.h"

// The README shows the code that is compiled, and its programs do what the README says.

namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO("reading " << path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The text between the first `begin` and the next `end` after it.
std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  INFO("looking for " << begin);
  REQUIRE(from != std::string::npos);
  const std::size_t to = text.find(end, from + begin.size());
  REQUIRE(to != std::string::npos);
  return text.substr(from + begin.size(), to - from - begin.size());
}

// A folder of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "daybook-readme-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// An example, or nothing when the examples are not built.
fs::path Example(const std::string& name) {
  fs::path program = fs::path(DAYBOOK_BINARY_DIR) / "bin" / name;
  if (fs::exists(program)) return program;
  WARN(program << " is not built; configure with -DDAYBOOK_BUILD_EXAMPLES=ON");
  return {};
}

// Runs `program` in `directory`; what it has printed.
std::string RunIn(const fs::path& directory, const fs::path& program,
                  const std::string& arguments = "", int exit_code = 0) {
  const fs::path output = directory / "output.txt";
  const std::string command = "cd '" + directory.string() + "' && '" + program.string() + "' " +
                              arguments + " > output.txt 2>&1";
  const int status = std::system(command.c_str());
  const std::string printed = ReadFile(output);
  INFO(program << " printed: " << printed);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == exit_code);
  return printed;
}

}  // namespace

TEST_CASE("the README's first program is examples/quickstart.cc to the byte") {
  const fs::path source_dir = DAYBOOK_SOURCE_DIR;
  const std::string readme = ReadFile(source_dir / "README.md");
  const std::string quickstart = ReadFile(source_dir / "examples" / "quickstart.cc");
  const std::string marker = "// [quickstart]\n";
  CHECK(Between(readme, "```cpp\n", "```\n") == Between(quickstart, marker, marker));
}

TEST_CASE("the README's first program prints its event, and the next run only the next one") {
  const fs::path program = Example("quickstart");
  if (program.empty()) return;
  const TemporaryDirectory directory;
  CHECK(RunIn(directory.path(), program) == "{\"total\":99}\n");
  // The group has committed, so that the first event is not delivered again.
  CHECK(RunIn(directory.path(), program) == "{\"total\":99}\n");
}

TEST_CASE(
    "the example of a service ships its orders, each once, and puts one aside with the cause") {
  const fs::path program = Example("order_service");
  if (program.empty()) return;
  const TemporaryDirectory directory;
  const std::string aside =
      "put aside: the order of dora, after 3 attempts: INVALID_ARGUMENT: the order has no "
      "address\n";
  CHECK(RunIn(directory.path(), program) == "shipped: 4 orders\n" + aside);
  CHECK(RunIn(directory.path(), program) == "shipped: 4 orders\n" + aside + aside);
}

TEST_CASE("the example with SQLite has each record in one row, wherever it was ended") {
  const fs::path program = Example("exactly_once_sqlite");
  if (program.empty()) return;
  const TemporaryDirectory directory;
  constexpr int kEndedAbruptly = 9;
  RunIn(directory.path(), program, "--send 4000 --exit-after 1", kEndedAbruptly);
  RunIn(directory.path(), program, "--exit-after 1", kEndedAbruptly);
  CHECK(RunIn(directory.path(), program) == "rows: 4000, different: 4000\n");
  CHECK(RunIn(directory.path(), program) == "rows: 4000, different: 4000\n");
}

TEST_CASE("the demonstration accounts for every event after its kill") {
  const fs::path program = Example("live_events");
  if (program.empty()) return;
  const TemporaryDirectory directory;
  // Soon after the start, in the middle, and when most is done.
  for (const std::string kill_at : {"2", "50", "95"}) {
    const std::string printed =
        RunIn(directory.path(), program,
              "--events 20000 --directory demo --seed " + kill_at + " --kill-at " + kill_at);
    INFO(printed);
    CHECK(printed.find("killed (SIGKILL)") != std::string::npos);
    CHECK(printed.find("as promised: 20,000 once") != std::string::npos);
    CHECK(printed.find("BROKEN") == std::string::npos);
  }
}
