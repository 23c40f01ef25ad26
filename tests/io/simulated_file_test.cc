#include "io/simulated_file.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "catch.h"

namespace daybook {
namespace {

void Fill(SimulatedFile& file, char c) { std::memset(file.data(), c, file.size()); }

std::set<char> Contents(const SimulatedFile& file) {
  std::set<char> found;
  for (std::uint64_t i = 0; i < file.size(); ++i) {
    found.insert(static_cast<char>(file.data()[i]));
  }
  return found;
}

}  // namespace

TEST_CASE("What was synced survives every power cut") {
  SimulatedFile file;
  file.Resize(20'000);
  Fill(file, 's');
  file.Sync();
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    const auto left = file.AfterPowerCut(random);
    CHECK(left->size() == 20'000);
    CHECK(Contents(*left) == std::set<char>{'s'});
  }
}

TEST_CASE("What was not synced comes back old, new, or between") {
  SimulatedFile file;
  file.Resize(100'000);
  Fill(file, 'o');
  file.Sync();
  Fill(file, 'm');
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) file.WriteBackSomePage(random);
  Fill(file, 'n');
  std::set<char> seen;
  for (int i = 0; i < 100; ++i) {
    for (const char c : Contents(*file.AfterPowerCut(random))) seen.insert(c);
  }
  CHECK(seen == std::set<char>{'o', 'm', 'n'});
}

TEST_CASE("After a failed sync a later one does not write what the first one dropped") {
  SimulatedFile file;
  file.Resize(8192);
  Fill(file, 'o');
  file.Sync();
  Fill(file, 'n');
  file.ForgetDirty();
  file.Sync();
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    CHECK(Contents(*file.AfterPowerCut(random)) == std::set<char>{'o'});
  }
  // Written again, it is dirty again.
  file.data()[0] = std::byte{'z'};
  file.Sync();
  CHECK(file.AfterPowerCut(random)->data()[0] == std::byte{'z'});
}

TEST_CASE("A file grows with zeros and its bytes stay where they are") {
  SimulatedFile file;
  file.Resize(10);
  std::byte* const data = file.data();
  Fill(file, 'x');
  file.Resize(100'000);
  CHECK(file.data() == data);
  CHECK(Contents(file) == std::set<char>{'x', '\0'});
}

TEST_CASE("Clones are alike and do not share bytes") {
  SimulatedFile file;
  file.Resize(100);
  Fill(file, 'a');
  const auto clone = file.Clone();
  Fill(file, 'b');
  CHECK(Contents(*clone) == std::set<char>{'a'});
}

TEST_CASE("Copies of a large file have what it holds, wherever that is") {
  SimulatedFile file;
  file.Resize(64 << 20);
  constexpr std::uint64_t kPlaces[] = {0, 4095, 1 << 20, (40 << 20) + 7, (64 << 20) - 1};
  for (const std::uint64_t place : kPlaces) file.data()[place] = std::byte{'s'};
  file.Sync();
  file.data()[kPlaces[2]] = std::byte{'n'};
  std::mt19937_64 random(1);
  const auto clone = file.Clone();
  const auto cut = file.AfterPowerCut(random);
  const auto again = cut->AfterPowerCut(random);
  for (const std::uint64_t place : kPlaces) {
    INFO(place);
    CHECK(clone->data()[place] == file.data()[place]);
    CHECK(again->data()[place] == cut->data()[place]);
    if (place != kPlaces[2]) CHECK(cut->data()[place] == std::byte{'s'});
  }
  // What a copy changes, it changes alone.
  clone->Corrupt(0, std::byte{1});
  clone->data()[1] = std::byte{'c'};
  clone->Sync();
  CHECK(clone->AfterPowerCut(random)->data()[1] == std::byte{'c'});
  CHECK(file.AfterPowerCut(random)->data()[0] == std::byte{'s'});
  CHECK(file.AfterPowerCut(random)->data()[1] == std::byte{0});
}

TEST_CASE("The kernel comes across the few dirty pages of a large file") {
  SimulatedFile file;
  file.Resize(64 << 20);
  const std::uint64_t place = 40 << 20;
  file.data()[place - 1] = std::byte{'o'};
  file.Sync();
  file.data()[place] = std::byte{'m'};
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) file.WriteBackSomePage(random);
  file.data()[place] = std::byte{'n'};
  std::set<std::byte> seen;
  for (int i = 0; i < 30; ++i) seen.insert(file.AfterPowerCut(random)->data()[place]);
  CHECK(seen == std::set<std::byte>{std::byte{0}, std::byte{'m'}, std::byte{'n'}});
}

}  // namespace daybook
