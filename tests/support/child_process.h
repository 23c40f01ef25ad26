#ifndef DAYBOOK_SUPPORT_CHILD_PROCESS_H_
#define DAYBOOK_SUPPORT_CHILD_PROCESS_H_

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "catch.h"

namespace daybook {

// What `body` returned in a process of its own, which ends without any destructors; -1 if it did
// not return.
inline int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(30);  // so that a lock that nobody gives back is a failure
    try {
      _exit(body());
    } catch (...) {  // an assertion: it must not run the tests of the parent
      _exit(99);
    }
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A process that holds what `take` returned, a StatusOr, until it is killed.
class HoldingProcess {
 public:
  template <typename Take>
  explicit HoldingProcess(Take take) {
    std::array<int, 2> ready{};
    REQUIRE(pipe(ready.data()) == 0);
    child_ = fork();
    if (child_ == 0) {
      const auto held = take();
      const char is_held = held.ok() ? 'y' : 'n';
      if (write(ready[1], &is_held, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char is_held = 0;
    CHECK(read(ready[0], &is_held, 1) == 1);
    CHECK(is_held == 'y');
    close(ready[0]);
    close(ready[1]);
  }
  ~HoldingProcess() {
    if (child_ > 0) Kill();
  }
  HoldingProcess(const HoldingProcess&) = delete;
  HoldingProcess& operator=(const HoldingProcess&) = delete;

  pid_t id() const { return child_; }
  void Kill() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = -1;
  }

 private:
  pid_t child_ = -1;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_CHILD_PROCESS_H_
