#include "broker/transactions/id_set.h"

#include <random>
#include <set>

#include "catch.h"

namespace daybook {

TEST_CASE("Numbers that follow each other are one range, in whatever order they come") {
  IdSet set;
  for (const std::uint64_t id : {3U, 1U, 2U, 0U, 4U}) set.Add(id);
  CHECK(set.ranges() == 1);
  set.Add(9);
  CHECK(set.ranges() == 2);
  CHECK(set.Contains(4));
  CHECK_FALSE(set.Contains(5));
  CHECK(set.Contains(9));
  CHECK_FALSE(set.Contains(10));
}

TEST_CASE("An id set holds what a set holds, and is read back as it was written") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    IdSet ids;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t begin = random() % 64;
      const std::uint64_t end = begin + random() % 5;
      ids.AddRange(begin, end);
      for (std::uint64_t id = begin; id < end; ++id) model.insert(id);
    }
    for (std::uint64_t id = 0; id < 70; ++id) CHECK(ids.Contains(id) == (model.count(id) == 1));
    for (const std::size_t most : {1000, 20, 1}) {
      IdSet all;
      for (const std::string& piece : ids.Encode(most)) {
        CHECK(piece.size() < most + 20);
        const auto decoded = IdSet::Decode(piece);
        REQUIRE(decoded.has_value());
        all.AddAll(*decoded);
      }
      CHECK(all == ids);
    }
    CHECK(ids.Encode(1000).size() == 1);
  }
}

TEST_CASE("Text that is no id set is refused") {
  CHECK(IdSet::Decode("").has_value());
  CHECK(IdSet::Decode("1-2,5-9").has_value());
  for (const char* const text : {"1", "1-", "-1", "2-1", "1-1", "1-2,2-3", "5-6,1-2", "a-b",
                                 "1-2;3-4", "1-2,,3-4", "1-99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(IdSet::Decode(text).has_value());
  }
}

}  // namespace daybook
