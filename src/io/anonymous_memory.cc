#include "io/anonymous_memory.h"

#include <sys/mman.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "io/posix_error.h"

namespace daybook::inline v1 {
namespace {

class AnonymousMap final : public MappedFile {
 public:
  AnonymousMap(void* data, std::size_t size) : MappedFile(static_cast<std::byte*>(data), size) {}
  ~AnonymousMap() override { munmap(data(), size()); }

  // No file has the bytes as well.
  void ReleasePages(std::size_t, std::size_t) override {}
};

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MapAnonymous(std::uint64_t bytes) {
  void* const data =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    return PosixError(errno, "map", absl::StrCat(bytes, " bytes of memory"));
  }
  madvise(data, bytes, MADV_HUGEPAGE);  // where there are none, small ones
  return std::make_unique<AnonymousMap>(data, bytes);
}

}  // namespace daybook::inline v1
