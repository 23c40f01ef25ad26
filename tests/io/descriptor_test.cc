#include "io/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "catch.h"
#include "support/child_process.h"

namespace daybook {
namespace {

int OpenNull() { return open("/dev/null", O_RDWR | O_CLOEXEC); }

}  // namespace

TEST_CASE("A descriptor is closed once, by its last owner") {
  int fd = -1;
  {
    Descriptor first = OpenDescriptor(OpenNull);
    REQUIRE(first.is_open());
    fd = first.get();
    Descriptor second = std::move(first);
    CHECK(second.get() == fd);
    first = std::move(second);
    CHECK(first.get() == fd);
    CHECK(fcntl(fd, F_GETFD) >= 0);
  }
  CHECK(fcntl(fd, F_GETFD) == -1);
  Descriptor given_up = OpenDescriptor(OpenNull);
  fd = given_up.Release();
  CHECK(!given_up.is_open());
  CHECK(close(fd) == 0);
}

TEST_CASE("A failed open answers its own error, and leaves nothing open") {
  const int failed = InChild([] {
    close(1);
    errno = 0;
    const Descriptor none = OpenDescriptor([] { return open("/nowhere/at/all", O_RDONLY); });
    if (none.is_open() || errno != ENOENT) return 1;
    return fcntl(1, F_GETFD) == -1 ? 0 : 2;
  });
  CHECK(failed == 0);
}

TEST_CASE("Which of the standard descriptors are closed does not matter") {
  for (int closed = 0; closed < 8; ++closed) {
    const int failed = InChild([&] {
      for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0) close(fd);
      }
      const Descriptor opened = OpenDescriptor(OpenNull);
      if (opened.get() < 3) return 1;
      if ((fcntl(opened.get(), F_GETFD) & FD_CLOEXEC) == 0) return 2;
      for (int fd = 0; fd < 3; ++fd) {
        if ((fcntl(fd, F_GETFD) == -1) != ((closed >> fd & 1) != 0)) return 3;
      }
      return 0;
    });
    CHECK(failed == 0);
  }
}

TEST_CASE("What another thread makes of standard output while something is opened stays") {
  const int failed = InChild([] {
    close(1);
    const int other = open("/dev/zero", O_RDONLY);  // becomes 1
    const int kept = fcntl(other, F_DUPFD, 3);
    close(1);
    const Descriptor opened = OpenDescriptor([&] {
      dup2(kept, 1);
      return OpenNull();
    });
    char byte = 'x';
    return read(1, &byte, 1) == 1 && byte == 0 ? 0 : 1;
  });
  CHECK(failed == 0);
}

TEST_CASE("While something is opened, nothing can be written where standard output was") {
  const int failed = InChild([] {
    close(1);
    ssize_t written = 0;
    const Descriptor opened = OpenDescriptor([&] {
      written = write(1, "x", 1);
      return OpenNull();
    });
    if (written != -1) return 1;
    // A copy is made of one that is too low all the same.
    const int low = OpenNull();
    if (low != 1) return 2;
    const int above = StandardDescriptors::Above(low);
    return above > 2 && fcntl(1, F_GETFD) == -1 ? 0 : 3;
  });
  CHECK(failed == 0);
}

}  // namespace daybook
