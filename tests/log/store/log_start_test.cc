#include "log/store/log_start.h"

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

struct Disk {
  std::unique_ptr<Directory> Open() {
    return files->OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
  }
  std::unique_ptr<SimulatedFileSystem> files = std::make_unique<SimulatedFileSystem>();
};

}  // namespace

TEST_CASE_METHOD(Disk, "A log start offset is what was written last, after a power cut, too") {
  CHECK(ReadLogStart(*Open()).value() == Offset(0));
  REQUIRE(WriteLogStart(*Open(), Offset(41)).ok());
  REQUIRE(WriteLogStart(*Open(), Offset(42)).ok());
  CHECK(ReadLogStart(*Open()).value() == Offset(42));
  files = files->CutPower(1);
  CHECK(ReadLogStart(*Open()).value() == Offset(42));
}

TEST_CASE_METHOD(Disk, "Each damaged byte of a log start offset is noticed") {
  REQUIRE(WriteLogStart(*Open(), Offset(42)).ok());
  const std::string path = "/d/" + std::string(kLogStartFile);
  const auto size = Open()->OpenFile(kLogStartFile, FileMode::kRead).value()->Size().value();
  for (std::uint64_t at = 0; at < size; ++at) {
    REQUIRE(files->Corrupt(path, at, std::byte{1}).ok());
    INFO(at);
    const auto read = ReadLogStart(*Open());
    CHECK(absl::IsDataLoss(read.status()));
    REQUIRE(files->Corrupt(path, at, std::byte{1}).ok());
  }
}

}  // namespace daybook
