#ifndef DAYBOOK_SUPPORT_COMMAND_FIXTURE_H_
#define DAYBOOK_SUPPORT_COMMAND_FIXTURE_H_

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "catch.h"
#include "support/paths.h"
#include "support/temporary_directory.h"

namespace daybook {

// The built program `daybook`, run on a data directory of its own.
class CommandFixture {
 public:
  struct Result {
    int status = -1;
    std::string out;
    std::string error;
  };

  // Runs `daybook --dir <data> <arguments>`; arguments are words of the shell.
  Result Run(const std::string& arguments, const std::string& input = "") {
    Put(root_ / "in", input);
    // A group, so that what stands behind a pipe is a part of it.
    const std::string command = "{ " + Command(arguments) + "; } <" + (root_ / "in").string() +
                                " >" + (root_ / "out").string();
    const int status = std::system(command.c_str());
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            .out = Get(root_ / "out"),
            .error = Get(root_ / "error")};
  }
  // The same, and it must succeed; what it printed.
  std::string Output(const std::string& arguments, const std::string& input = "") {
    const Result result = Run(arguments, input);
    INFO(result.error);
    REQUIRE(result.status == 0);
    return result.out;
  }

  // The words of the shell for what runs on beside the test; error() is what it says is wrong. What
  // `arguments` say of the standard streams holds.
  std::string Command(const std::string& arguments) const {
    return "2>" + (root_ / "error").string() + " " DAYBOOK_BINARY_DIR "/bin/daybook --dir " +
           data().string() + " " + arguments;
  }
  std::string error() const { return Get(root_ / "error"); }

  std::filesystem::path data() const { return root_ / "data"; }

  static std::string Get(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static void Put(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static void Flip(const std::filesystem::path& path, std::uint64_t position, char mask = 1) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(position));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(position));
    file.put(static_cast<char>(byte ^ mask));
  }

 private:
  TemporaryDirectory directory_;
  const std::filesystem::path root_ = directory_.path();
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_COMMAND_FIXTURE_H_
