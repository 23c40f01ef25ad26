#ifndef DAYBOOK_IO_POSIX_FILE_H_
#define DAYBOOK_IO_POSIX_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "daybook/system/file_system.h"
#include "io/descriptor.h"

namespace daybook::inline v1 {

// EFBIG where a file may not reach to `end`, by the limit on the size of files; otherwise 0. Asked
// before a call that would make a file longer, as the kernel answers beyond the limit with a signal
// that ends the process.
int CheckFileSizeLimit(std::uint64_t end);

// `path` is for messages.
std::unique_ptr<File> MakePosixFile(Descriptor fd, std::string path);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_POSIX_FILE_H_
