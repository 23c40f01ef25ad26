#ifndef DAYBOOK_IO_POSIX_FILE_H_
#define DAYBOOK_IO_POSIX_FILE_H_

#include <memory>
#include <string>

#include "daybook/file_system.h"
#include "io/descriptor.h"

namespace daybook::inline v1 {

// `path` is for messages.
std::unique_ptr<File> MakePosixFile(Descriptor fd, std::string path);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_POSIX_FILE_H_
