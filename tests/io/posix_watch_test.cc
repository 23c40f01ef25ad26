#include "io/posix_watch.h"

#include <algorithm>

#include "catch.h"
#include "daybook/system/file_system.h"
#include "support/temporary_directory.h"

namespace daybook {
namespace {

std::vector<std::string> NamesOf(DirectoryWatch& watch, std::uint64_t id) {
  std::vector<std::string> names;
  for (const DirectoryWatch::Change& change : watch.Take()) {
    if (change.id == id) names.push_back(change.name);
  }
  return names;
}

}  // namespace

TEST_CASE("A watch tells of names that are made, renamed and removed, and of nothing else") {
  TemporaryDirectory temporary;
  auto& files = FileSystem::Posix();
  auto directory = files.OpenDirectory(temporary.path(), DirectoryMode::kMustExist).value();
  const auto watch = MakePosixWatch();
  REQUIRE(watch != nullptr);
  const auto added = watch->Add(*directory, 7);
  if (absl::IsUnimplemented(added)) return;  // on an overlay, say
  REQUIRE(added.ok());
  CHECK(watch->Take().empty());
  auto file = directory->OpenFile("a", FileMode::kCreate).value();
  CHECK(NamesOf(*watch, 7) == std::vector<std::string>{"a"});
  REQUIRE(file->Allocate(4096).ok());
  auto map = file->Map(4096, MapAccess::kReadWrite).value();
  map->data()[0] = std::byte{1};
  CHECK(watch->Take().empty());
  REQUIRE(directory->Rename("a", "b").ok());
  auto names = NamesOf(*watch, 7);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"a", "b"});
  REQUIRE(directory->RemoveFile("b").ok());
  REQUIRE(directory->CreateDirectory("c").ok());
  CHECK(NamesOf(*watch, 7) == std::vector<std::string>{"b", "c"});
}

TEST_CASE("A directory that is watched for two is told to both, also when it was closed") {
  TemporaryDirectory temporary;
  auto& files = FileSystem::Posix();
  const auto open = [&] {
    return files.OpenDirectory(temporary.path(), DirectoryMode::kMustExist).value();
  };
  const auto watch = MakePosixWatch();
  REQUIRE(watch != nullptr);
  if (absl::IsUnimplemented(watch->Add(*open(), 1))) return;
  REQUIRE(watch->Add(*open(), 2).ok());
  REQUIRE(open()->CreateDirectory("d").ok());
  const auto changes = watch->Take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].id + changes[1].id == 3);
}

TEST_CASE("When more has changed than can be told, every directory may have") {
  TemporaryDirectory temporary;
  auto directory =
      FileSystem::Posix().OpenDirectory(temporary.path(), DirectoryMode::kMustExist).value();
  const auto watch = MakePosixWatch();
  REQUIRE(watch != nullptr);
  if (!watch->Add(*directory, 3).ok()) return;
  // The kernel keeps 16,384 changes by default; of these many are the same, and told once.
  for (int i = 0; i < 9'000; ++i) {
    REQUIRE(directory->OpenFile("a" + std::to_string(i % 2), FileMode::kCreate).ok());
    REQUIRE(directory->RemoveFile("a" + std::to_string(i % 2)).ok());
  }
  const auto names = NamesOf(*watch, 3);
  CHECK_FALSE(names.empty());
  CHECK(watch->Take().empty());
}

}  // namespace daybook
