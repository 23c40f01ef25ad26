#include "io/simulated_disk.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "catch.h"

namespace daybook {
namespace {

constexpr std::uint64_t kPage = SimulatedFile::kPage;

// A disk with one directory.
struct DiskFixture {
  void Create(const std::string& name) {
    MutexLock lock(disk->mutex);
    disk->SetEntry(disk->root, name, {.file = disk->MakeFile(), .directory = nullptr});
  }
  void Rename(const std::string& from, const std::string& to) {
    MutexLock lock(disk->mutex);
    disk->Rename(disk->root, from, to);
  }
  void Sync() {
    MutexLock lock(disk->mutex);
    disk->SyncDirectory(*disk->root);
  }

  std::shared_ptr<SimulatedDisk> disk = std::make_shared<SimulatedDisk>();
};

std::string Names(SimulatedDisk& disk) {
  MutexLock lock(disk.mutex);
  std::string names;
  for (const auto& [name, entry] : disk.root->live) names += name;
  return names;
}

// What power cuts leave, with any seed.
std::set<std::string> NamesAfterPowerCuts(const SimulatedDisk& disk) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) seen.insert(Names(*disk.AfterPowerCut(seed)));
  return seen;
}

}  // namespace

TEST_CASE("A power cut takes the last changes of directories, up to a sync") {
  DiskFixture fixture;
  fixture.Create("a");
  fixture.Sync();
  fixture.Create("b");
  fixture.Create("c");
  CHECK(NamesAfterPowerCuts(*fixture.disk) == std::set<std::string>{"a", "ab", "abc"});
}

TEST_CASE("A renaming is done whole or not at all") {
  DiskFixture fixture;
  fixture.Create("a");
  fixture.Sync();
  fixture.Rename("a", "b");
  CHECK(NamesAfterPowerCuts(*fixture.disk) == std::set<std::string>{"a", "b"});
  fixture.Sync();
  CHECK(NamesAfterPowerCuts(*fixture.disk) == std::set<std::string>{"b"});
}

TEST_CASE("A disk has room for so many pages, and a replaced file gives its own back") {
  DiskFixture fixture;
  SimulatedDisk& disk = *fixture.disk;
  fixture.Create("a");
  fixture.Create("b");
  MutexLock lock(disk.mutex);
  disk.capacity = 4 * kPage;
  SimulatedFile& a = *disk.root->live["a"].file;
  SimulatedFile& b = *disk.root->live["b"].file;
  CHECK(disk.Grow(a, 2 * kPage + 1, "a").ok());
  CHECK(absl::IsResourceExhausted(disk.Grow(b, kPage + 1, "b")));
  CHECK(disk.Grow(b, kPage, "b").ok());
  disk.Deallocate(a, 1, 2 * kPage);  // one whole page
  CHECK(disk.allocated == 3 * kPage);
  disk.Rename(disk.root, "b", "a");
  CHECK(disk.allocated == kPage);
  CHECK(absl::IsResourceExhausted(disk.Grow(b, SimulatedFile::kLargest + 1, "b")));
}

TEST_CASE("A clone shares neither files nor what is not durable yet") {
  DiskFixture fixture;
  fixture.Create("a");
  const auto clone = fixture.disk->Clone();
  fixture.Sync();
  fixture.Create("b");
  CHECK(Names(*clone) == "a");
  CHECK(NamesAfterPowerCuts(*clone) == std::set<std::string>{"", "a"});
  MutexLock lock(clone->mutex);
  CHECK(clone->boot == 1);
}

TEST_CASE("Open handles are counted") {
  DiskFixture fixture;
  {
    const OpenHandle first(fixture.disk);
    const OpenHandle second(fixture.disk);
    CHECK(fixture.disk->handles == 2);
  }
  CHECK(fixture.disk->handles == 0);
}

}  // namespace daybook
