#include "log/topic_dictionaries.h"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.h"
#include "daybook/system/simulated_file_system.h"

namespace daybook {
namespace {

// A data directory in which topics have dictionaries, all of the same bytes.
struct Dictionaries {
  Dictionaries() {
    std::vector<std::size_t> sizes;
    std::string samples;
    for (int i = 0; i < 2000; ++i) {
      const std::string sample = "{\"order\":" + std::to_string(i * 7919) + ",\"state\":\"open\"}";
      samples += sample;
      sizes.push_back(sample.size());
    }
    bytes = Dictionary::Train(samples, sizes, 1024).value();
  }
  void Store(const std::string& topic, std::uint32_t number) {
    REQUIRE(StoreDictionary(*root, topic, number, bytes).ok());
  }
  bool HasFile(const std::string& path) const {
    const std::vector<std::string> files = disk.Files();
    return std::find(files.begin(), files.end(), path) != files.end();
  }

  SimulatedFileSystem disk;
  std::unique_ptr<Directory> root =
      disk.OpenDirectory("/data", DirectoryMode::kCreateIfMissing).value();
  std::string bytes;
};

}  // namespace

TEST_CASE("The newest dictionary is the one to use, unless none should be or it is damaged") {
  Dictionaries fixture;
  fixture.Store("orders", 2);
  fixture.Store("orders", 10);
  TopicDictionaries dictionaries(*fixture.root, "orders", 3);
  CHECK(dictionaries.FindNewest(true).value());
  CHECK_FALSE(dictionaries.FindNewest(true).value());  // it looks once
  CHECK(dictionaries.in_use() == 10);
  CHECK(dictionaries.Load(2).value() != nullptr);
  CHECK(dictionaries.Load(0).value() == nullptr);

  TopicDictionaries unused(*fixture.root, "orders", 3);
  CHECK_FALSE(unused.FindNewest(false).value());
  CHECK(unused.in_use() == 0);
  CHECK(unused.highest() == 10);

  REQUIRE(fixture.disk.Corrupt("/data/orders.dictionary-10", 100, std::byte{1}).ok());
  TopicDictionaries damaged(*fixture.root, "orders", 3);
  CHECK_FALSE(damaged.FindNewest(true).value());
  CHECK(damaged.in_use() == 0);
  CHECK(damaged.highest() == 10);
  CHECK(absl::IsDataLoss(damaged.Load(10).status()));
}

TEST_CASE("A dictionary that was stored is used without another look at its file") {
  Dictionaries fixture;
  TopicDictionaries dictionaries(*fixture.root, "orders", 3);
  CHECK_FALSE(dictionaries.FindNewest(true).value());
  dictionaries.Use(1, Dictionary::Make(fixture.bytes, 3).value());
  CHECK(dictionaries.in_use() == 1);
  CHECK(dictionaries.highest() == 1);
  CHECK(dictionaries.Load(1).value() != nullptr);
}

TEST_CASE("What is wrong with a dictionary's file is said, and that there is none") {
  Dictionaries fixture;
  fixture.Store("orders", 1);
  CHECK(VerifyDictionary(*fixture.root, "orders", 1).ok());
  CHECK(absl::IsNotFound(VerifyDictionary(*fixture.root, "orders", 2)));
  REQUIRE(fixture.disk.Corrupt("/data/orders.dictionary-1", 12, std::byte{1}).ok());
  CHECK(absl::IsDataLoss(VerifyDictionary(*fixture.root, "orders", 1)));
}

TEST_CASE("The dictionaries of a topic that is gone are removed, and no others") {
  Dictionaries fixture;
  fixture.Store("orders", 1);
  fixture.Store("orders2", 1);
  REQUIRE(RemoveDictionaries(*fixture.root, "orders").ok());
  CHECK_FALSE(fixture.HasFile("/data/orders.dictionary-1"));
  CHECK(fixture.HasFile("/data/orders2.dictionary-1"));
}

}  // namespace daybook
