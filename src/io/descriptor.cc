#include "io/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/planted_bug.h"

namespace daybook::inline v1 {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

int Descriptor::Release() { return std::exchange(fd_, -1); }

StandardDescriptors::StandardDescriptors() {
  if (IsPlanted(PlantedBug::kKeepsLowDescriptors)) return;
  for (int fd = 0; fd < static_cast<int>(taken_.size()); ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest that is free is opened. O_PATH: reads and writes fail with EBADF.
    const int taken = open("/", O_PATH | O_CLOEXEC);
    if (taken >= static_cast<int>(taken_.size())) {
      close(taken);  // another thread was faster
    } else if (taken >= 0) {
      taken_[static_cast<std::size_t>(taken)] = taken;
    }
  }
}

StandardDescriptors::~StandardDescriptors() {
  const int error = errno;
  for (const int fd : taken_) {
    // Not what another thread has put there meanwhile.
    if (fd >= 0 && (fcntl(fd, F_GETFL) & O_PATH) != 0) close(fd);
  }
  errno = error;
}

int StandardDescriptors::Above(int fd) {
  if (fd < 0 || fd > STDERR_FILENO || IsPlanted(PlantedBug::kKeepsLowDescriptors)) return fd;
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  close(fd);
  errno = error;
  return copy;
}

}  // namespace daybook::inline v1
