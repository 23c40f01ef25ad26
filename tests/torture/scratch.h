#ifndef DAYBOOK_TORTURE_SCRATCH_H_
#define DAYBOOK_TORTURE_SCRATCH_H_

#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"

namespace daybook::torture {

// A directory of the real file system that goes with its owner.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& below)
      : path_(absl::StrCat(below, "/daybook-torture-XXXXXX")) {
    if (mkdtemp(path_.data()) == nullptr) throw std::bad_alloc();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Something that processes share, and that outlives those that are killed.
template <typename T>
class InSharedMemory {
 public:
  InSharedMemory() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    value_ = new (memory) T{};
  }
  ~InSharedMemory() { munmap(value_, sizeof(T)); }
  InSharedMemory(const InSharedMemory&) = delete;
  InSharedMemory& operator=(const InSharedMemory&) = delete;

  T& operator*() { return *value_; }
  T* operator->() { return value_; }

 private:
  T* value_;
};

}  // namespace daybook::torture

#endif  // DAYBOOK_TORTURE_SCRATCH_H_
