#ifndef DAYBOOK_SUPPORT_RUNNING_COMMAND_H_
#define DAYBOOK_SUPPORT_RUNNING_COMMAND_H_

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "catch.h"
#include "support/deadline.h"

namespace daybook {

// A command of the shell that runs, with pipes at its standard input and output. One that goes on
// for good is killed after a time, which is a failure.
class RunningCommand {
 public:
  enum class Pipe { kBlocking, kNonBlocking };

  explicit RunningCommand(const std::string& command, Pipe output = Pipe::kBlocking) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
    input_ = in[1];
    output_ = out[0];
    if (output == Pipe::kNonBlocking) REQUIRE(fcntl(out[1], F_SETFL, O_NONBLOCK) == 0);
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      alarm(30);
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
  }
  ~RunningCommand() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    CloseInput();
    close(output_);
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

  void Write(const std::string& text) {
    REQUIRE(write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  // For as long as the command reads; how much it took.
  std::size_t WriteUntilRefused(const std::string& text, std::size_t most) {
    const auto ignored = signal(SIGPIPE, SIG_IGN);
    std::size_t written = 0;
    while (written < most) {
      const ssize_t put = write(input_, text.data(), text.size());
      if (put < 0) break;
      written += static_cast<std::size_t>(put);
    }
    signal(SIGPIPE, ignored);
    return written;
  }
  void CloseInput() {
    if (input_ >= 0) close(input_);
    input_ = -1;
  }

  // Until the command has printed so much that nobody read that there is no room for more.
  void AwaitFullOutput() {
    // The other end of the pipe, for as long as we look.
    const std::string path = "/proc/self/fd/" + std::to_string(output_);
    pollfd writer{open(path.c_str(), O_WRONLY | O_CLOEXEC), POLLOUT, 0};
    REQUIRE(writer.fd >= 0);
    bool is_full = false;
    for (const auto deadline = Soon(); !is_full && std::chrono::steady_clock::now() < deadline;) {
      is_full = poll(&writer, 1, 0) == 0;
      sched_yield();
    }
    close(writer.fd);
    REQUIRE(is_full);
  }
  std::string Read(std::size_t bytes) {
    std::string text(bytes, '\0');
    const ssize_t got = read(output_, text.data(), bytes);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }
  std::string ReadToEnd() {
    std::string all;
    for (std::string some = Read(4096); !some.empty(); some = Read(4096)) all += some;
    return all;
  }
  // Nobody reads any more.
  void CloseOutput() {
    close(output_);
    output_ = -1;
  }

  void Signal(int signal) { REQUIRE(kill(child_, signal) == 0); }
  // As the shell says it: 128 and the signal for one that was killed.
  int Wait() {
    int status = 0;
    REQUIRE(waitpid(child_, &status, 0) == child_);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_RUNNING_COMMAND_H_
