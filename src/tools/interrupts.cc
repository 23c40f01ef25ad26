#include "tools/interrupts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace daybook::tools {
namespace {

volatile sig_atomic_t is_interrupted = 0;
// Readable for good once there was a signal, so that one that comes just before a wait begins ends
// that wait, too. -1 as long as no signals are caught: poll passes over it.
int wake_reader = -1;
int wake_writer = -1;

void OnSignal(int) {
  const int error = errno;
  // The next one ends the process, be it the same or the other.
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  is_interrupted = 1;
  const char byte = 0;
  if (write(wake_writer, &byte, 1) < 0) {
    // The pipe could not be made, and the signal ends the wait alone.
  }
  errno = error;
}

}  // namespace

void CatchInterrupts() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
    wake_reader = ends[0];
    wake_writer = ends[1];
  }
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool IsInterrupted() { return is_interrupted != 0; }

bool WaitUntilReady(int descriptor, short events) {
  for (;;) {
    pollfd wanted[2] = {{descriptor, events, 0}, {wake_reader, POLLIN, 0}};
    const int ready = poll(wanted, 2, -1);
    if (ready < 0 && errno != EINTR) return true;  // the call itself says what is wrong
    if (ready > 0 && wanted[0].revents != 0) return true;
    if (IsInterrupted()) return false;
  }
}

}  // namespace daybook::tools
