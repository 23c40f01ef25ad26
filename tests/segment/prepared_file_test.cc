#include "segment/prepared_file.h"

#include <string>
#include <vector>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

struct PreparedFiles {
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const std::vector<DirectoryEntry> entries = directory->List().value();
    for (const DirectoryEntry& entry : entries) names.push_back(entry.name);
    return names;
  }

  SimulatedFileSystem disk;
  std::unique_ptr<Directory> directory =
      disk.OpenDirectory("/d", DirectoryMode::kCreateIfMissing).value();
};

}  // namespace

TEST_CASE("A file is made with blocks and pages, over one that a crash has left") {
  PreparedFiles fixture;
  const NewFile wanted{.name = "a.tmp",
                       .bytes = 16 << 10,
                       .capacity = kMegabyte,
                       .page_in = true,
                       .steps = kSmallSteps};
  REQUIRE(MakeFile(*fixture.directory, wanted).ok());
  const auto made = MakeFile(*fixture.directory, wanted);
  REQUIRE(made.ok());
  CHECK(made->name == "a.tmp");
  CHECK(made->file_bytes == wanted.bytes);
  CHECK(made->paged_in == wanted.bytes);
  CHECK(made->map->size() == kMegabyte);
  CHECK(fixture.Names() == std::vector<std::string>{"a.tmp"});
}

TEST_CASE("A file that cannot have its blocks is not left behind") {
  PreparedFiles fixture;
  fixture.disk.SetCapacity(4096);
  const auto made =
      MakeFile(*fixture.directory, {.name = "a.tmp", .bytes = 16 << 10, .capacity = kMegabyte});
  CHECK(absl::IsResourceExhausted(made.status()));
  CHECK(fixture.Names().empty());
}

TEST_CASE("The next file is not made ahead where it would take most of what is free") {
  PreparedFiles fixture;
  PrepareOptions options{.bytes = 4 * kMegabyte, .capacity = 4 * kMegabyte};
  fixture.disk.SetCapacity(16 * kMegabyte);
  CHECK(absl::IsResourceExhausted(PrepareFile(*fixture.directory, options).status()));
  CHECK(fixture.Names().empty());
  options.is_reserve = true;
  CHECK(PrepareFile(*fixture.directory, options).ok());
  CHECK(fixture.Names() == std::vector<std::string>{"next.tmp"});
  RemovePreparedFile(*fixture.directory);
  CHECK(fixture.Names().empty());
  fixture.disk.SetCapacity(64 * kMegabyte);
  options.is_reserve = false;
  CHECK(PrepareFile(*fixture.directory, options).ok());
}

}  // namespace daybook
