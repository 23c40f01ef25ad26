#include "tools/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace daybook::tools {

bool TakeStandardDescriptors() {
  // In order, since open takes the lowest number that is free.
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The other way round than they are used: nothing that goes to nowhere is taken for written.
    if (open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) != descriptor) {
      return false;
    }
  }
  return true;
}

}  // namespace daybook::tools
