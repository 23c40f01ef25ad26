#ifndef DAYBOOK_IO_POSIX_FILE_H_
#define DAYBOOK_IO_POSIX_FILE_H_

#include <memory>
#include <string>

#include "daybook/file_system.h"

namespace daybook::inline v1 {

// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  void Reset(int fd) { fd_ = fd; }  // of one that is not open
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// `path` is for messages.
std::unique_ptr<File> MakePosixFile(Descriptor fd, std::string path);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_POSIX_FILE_H_
