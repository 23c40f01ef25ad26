#ifndef DAYBOOK_IO_POSIX_WATCH_H_
#define DAYBOOK_IO_POSIX_WATCH_H_

#include <memory>

#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// A directory that has a descriptor.
class PosixDirectoryBase : public Directory {
 public:
  virtual int descriptor() const = 0;
};

// Of inotify(7), for directories on file systems that are known to tell it everything. Null: there
// is none to be had.
std::unique_ptr<DirectoryWatch> MakePosixWatch();

}  // namespace daybook::inline v1

#endif  // DAYBOOK_IO_POSIX_WATCH_H_
