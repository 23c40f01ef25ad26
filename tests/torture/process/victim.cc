#include "torture/process/victim.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace daybook::torture {

void KillAmid(Tally& tally, const std::function<void()>& work,
              const std::function<bool()>& is_time) {
  const pid_t victim = fork();
  if (victim == 0) {
    work();
    _exit(1);
  }
  if (victim < 0) throw std::runtime_error("no process can be started");
  int status = 0;
  pid_t ended = 0;
  while (ended == 0 && !is_time()) {
    ended = waitpid(victim, &status, WNOHANG);
    sched_yield();
  }
  if (ended == 0) {
    kill(victim, SIGKILL);
    waitpid(victim, &status, 0);
  }
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    tally.Violate(absl::StrCat("the victim ended by itself: status ", status));
  }
}

}  // namespace daybook::torture
