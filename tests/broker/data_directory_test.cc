#include "broker/data_directory.h"

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

struct Disk {
  absl::StatusOr<DataDirectory> Open(bool is_read_only = false) {
    return OpenDataDirectory(files, "/data", is_read_only);
  }
  std::unique_ptr<Directory> Root() {
    return files.OpenDirectory("/data", DirectoryMode::kCreateIfMissing).value();
  }
  SimulatedFileSystem files;
};

}  // namespace

TEST_CASE_METHOD(Disk, "An empty directory becomes a data directory when it is opened to write") {
  {
    const auto data = Open();
    REQUIRE(data.ok());
    CHECK(data->lock != nullptr);
  }
  const auto again = Open(true);
  REQUIRE(again.ok());
  CHECK(again->lock == nullptr);
}

TEST_CASE_METHOD(Disk, "A directory that is only read is neither made nor locked") {
  CHECK(absl::IsNotFound(Open(true).status()));
  Root();
  CHECK(absl::IsNotFound(Open(true).status()));
  CHECK(Root()->List()->empty());
}

TEST_CASE_METHOD(Disk, "A directory that another one has open to write is not opened to write") {
  const auto first = Open();
  REQUIRE(first.ok());
  CHECK(absl::IsFailedPrecondition(Open().status()));
  CHECK(Open(true).ok());
}

TEST_CASE_METHOD(Disk, "A directory of something else is left as it is") {
  REQUIRE(Root()->CreateDirectory("photographs").ok());
  const absl::Status status = Open().status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("photographs") != std::string::npos);
  CHECK(Root()->List()->size() == 1);
}

TEST_CASE("What a volume brings along is no other program's data") {
  for (const char* name : {"lost+found", ".snapshot", "..data"}) CHECK(IsOfVolume(name));
  for (const char* name : {"lost", "orders.topic", "data."}) CHECK_FALSE(IsOfVolume(name));
}

TEST_CASE_METHOD(Disk, "A data directory is the one of its own path and no other") {
  const auto data = Open().value();
  const auto other = OpenDataDirectory(files, "/other", false).value();
  CHECK(IsSameDataDirectory(files, "/data", *data.root));
  CHECK_FALSE(IsSameDataDirectory(files, "/data", *other.root));
  CHECK_FALSE(IsSameDataDirectory(files, "/none", *data.root));
  CHECK_FALSE(IsSameDataDirectory(files, "/", *data.root));
}

}  // namespace daybook
