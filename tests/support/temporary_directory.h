#ifndef DAYBOOK_SUPPORT_TEMPORARY_DIRECTORY_H_
#define DAYBOOK_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "catch.h"

namespace daybook {

// A directory of the real file system that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_("/tmp/daybook-test-XXXXXX") {
    REQUIRE(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace daybook

#endif  // DAYBOOK_SUPPORT_TEMPORARY_DIRECTORY_H_
