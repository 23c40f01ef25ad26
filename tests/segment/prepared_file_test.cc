#include "segment/prepared_file.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"
#include "support/temporary_directory.h"

namespace daybook {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

// Of the mapping that begins at `data`: what the process has in its page table, for writing.
std::uint64_t DirtyBytes(const std::byte* data) {
  std::ifstream maps("/proc/self/smaps");
  std::ostringstream begin;
  begin << std::hex << reinterpret_cast<std::uintptr_t>(data) << '-';
  bool is_here = false;
  std::uint64_t kibibytes = 0;
  std::uint64_t sum = 0;
  for (std::string line; std::getline(maps, line);) {
    if (is_here && line.find("VmFlags") != std::string::npos) break;
    is_here = is_here || line.starts_with(begin.str());
    if (is_here && (std::sscanf(line.c_str(), "Shared_Dirty: %" SCNu64, &kibibytes) == 1 ||
                    std::sscanf(line.c_str(), "Private_Dirty: %" SCNu64, &kibibytes) == 1)) {
      sum += kibibytes;
    }
  }
  return sum << 10;
}

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

TEST_CASE("Pages that are mapped ahead keep what is in them") {
  PreparedFiles fixture;
  const auto made =
      MakeFile(*fixture.directory, {.name = "a.tmp", .bytes = 16 << 10, .capacity = 16 << 10});
  REQUIRE(made.ok());
  const std::string_view text = "a frame";
  std::byte* const page = made->map->data() + 4096;
  std::memcpy(page, text.data(), text.size());
  MapPages(*made->map, 0, 16 << 10);
  CHECK(std::memcmp(page, text.data(), text.size()) == 0);
  CHECK(page[text.size()] == std::byte{0});
}

TEST_CASE("Pages are in the map of a file on a disk if they are mapped ahead") {
  const TemporaryDirectory temporary;
  const auto directory =
      FileSystem::Posix().OpenDirectory(temporary.path(), DirectoryMode::kMustExist).value();
  constexpr std::uint64_t kBytes = kMegabyte;
  const bool maps = GENERATE(true, false);
  const auto made = MakeFile(
      *directory,
      {.name = "a.tmp", .bytes = kBytes, .capacity = kBytes, .page_in = true, .maps = maps});
  REQUIRE(made.ok());
  CHECK(made->paged_in == kBytes);
  CHECK(DirtyBytes(made->map->data()) == (maps ? kBytes : 0));
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
