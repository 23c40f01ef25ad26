#ifndef DAYBOOK_IO_DESCRIPTOR_H_
#define DAYBOOK_IO_DESCRIPTOR_H_

#include <array>

#include "io/posix_error.h"

namespace daybook::inline v1 {

// Owns a descriptor. Make one by OpenDescriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  // Gives the descriptor up, to whom it then belongs.
  int Release();

 private:
  int fd_ = -1;
};

// Takes those of the descriptors 0 to 2 that are closed, as long as it lives, so that none of them
// becomes a file of ours: programs that close them still write to standard output and error. What
// is there meanwhile takes no bytes, as if it were closed.
class StandardDescriptors {
 public:
  StandardDescriptors();
  ~StandardDescriptors();
  StandardDescriptors(const StandardDescriptors&) = delete;
  StandardDescriptors& operator=(const StandardDescriptors&) = delete;

  // `fd`, or a copy of it that is 3 or above; -1 with errno when there is none.
  static int Above(int fd);

 private:
  std::array<int, 3> taken_{-1, -1, -1};
};

// What `call` opens, which answers a descriptor or -1 with errno: never one of 0 to 2. Every
// descriptor of the library is made by this.
template <typename Call>
Descriptor OpenDescriptor(Call call) {
  const StandardDescriptors taken;
  return Descriptor(StandardDescriptors::Above(RetryOnSignal(call)));
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_DESCRIPTOR_H_
