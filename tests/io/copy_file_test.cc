#include "io/copy_file.h"

#include <span>
#include <string>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

struct TwoDirectories {
  SimulatedFileSystem disk;
  std::unique_ptr<Directory> from =
      disk.OpenDirectory("/from", DirectoryMode::kCreateIfMissing).value();
  std::unique_ptr<Directory> to =
      disk.OpenDirectory("/to", DirectoryMode::kCreateIfMissing).value();

  void Write(const std::string& text) {
    const auto file = from->OpenFile("f", FileMode::kCreate).value();
    REQUIRE(file->WriteAt(0, std::as_bytes(std::span(text))).ok());
  }
  std::string Copied() {
    const auto file = to->OpenFile("f", FileMode::kRead).value();
    std::string text(file->Size().value(), '\0');
    REQUIRE(file->ReadAt(0, std::as_writable_bytes(std::span(text))).value() == text.size());
    return text;
  }
};

}  // namespace

TEST_CASE("A copy has the same bytes and the same size, long zeros among them") {
  for (const std::size_t zeros : {0U, 1U, 65536U, 200'000U}) {
    for (const std::string tail : {"", "end"}) {
      TwoDirectories directories;
      const std::string text = "begin" + std::string(zeros, '\0') + tail;
      directories.Write(text);
      REQUIRE(CopyFile(*directories.from, *directories.to, "f").ok());
      CHECK(directories.Copied() == text);
    }
  }
  TwoDirectories empty;
  empty.Write("");
  REQUIRE(CopyFile(*empty.from, *empty.to, "f").ok());
  CHECK(empty.Copied().empty());
}

TEST_CASE("A copy never replaces a file, and leaves nothing when it fails") {
  TwoDirectories directories;
  directories.Write("text");
  directories.disk.SetHook([](SimulatedFileSystem::Operation operation, const std::string&) {
    return operation == SimulatedFileSystem::Operation::kSync ? absl::DataLossError("no")
                                                              : absl::OkStatus();
  });
  CHECK(absl::IsDataLoss(CopyFile(*directories.from, *directories.to, "f")));
  directories.disk.SetHook(nullptr);
  CHECK(directories.to->List()->empty());
  REQUIRE(CopyFile(*directories.from, *directories.to, "f").ok());
  CHECK(absl::IsAlreadyExists(CopyFile(*directories.from, *directories.to, "f")));
}

}  // namespace daybook
