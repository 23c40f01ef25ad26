#include <signal.h>

#include "tools/commands/command_line.h"
#include "tools/standard_streams.h"

int main(int argc, char** argv) {
  // First of all: whatever is opened before may get a number of a standard stream.
  if (!daybook::tools::TakeStandardDescriptors()) return 1;
  // A file over the limit of ulimit -f is then an error with a message, and not the end.
  signal(SIGXFSZ, SIG_IGN);
  // Output that nobody reads any more is then EPIPE, which every command takes quietly.
  signal(SIGPIPE, SIG_IGN);
  return daybook::tools::RunCommandLine(argc, argv);
}
