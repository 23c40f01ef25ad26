#ifndef DAYBOOK_BENCH_POPULATED_FILE_SYSTEM_H_
#define DAYBOOK_BENCH_POPULATED_FILE_SYSTEM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "daybook/system/file_system.h"

namespace daybook::bench {

// The operating system's files, but for one thing: a file that is mapped for writing has all its
// blocks, and all its pages in memory, before Map returns. Appends then show what they cost beside
// page faults.
class PopulatedFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(std::string_view path,
                                                           DirectoryMode mode) override;
  std::array<std::byte, 16> BootId() override { return Posix().BootId(); }
};

// Faults in the pages of [begin, begin + bytes), which keep their content.
void Populate(std::byte* begin, std::uint64_t bytes);

}  // namespace daybook::bench

#endif  // DAYBOOK_BENCH_POPULATED_FILE_SYSTEM_H_
