#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "catch.h"
#include "daybook/offset.h"
#include "daybook/topic_partition.h"

namespace daybook {
namespace {

// What Abseil gives to AbslStringify and to AbslHashValue, as far as they use it.
struct Sink {
  std::string text;
  void Append(std::string_view more) { text += more; }
};
struct HashState {
  std::vector<std::string> parts;
  template <typename... Parts>
  static HashState combine(HashState state, const Parts&... parts) {
    const auto add = [&](const auto& part) {
      std::ostringstream text;
      text << part;
      state.parts.push_back(text.str());
    };
    (add(parts), ...);
    return state;
  }
};

template <typename T>
std::string Streamed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
template <typename T>
std::string Stringified(const T& value) {
  Sink sink;
  AbslStringify(sink, value);
  return sink.text;
}
template <typename T>
std::vector<std::string> HashedParts(const T& value) {
  return AbslHashValue(HashState(), value).parts;
}

static_assert(Offset(7) - 2 == Offset(5));
static_assert(Offset(7) + 2 - Offset(7) == 2);
static_assert([] {
  Offset offset(10);
  offset += 5;
  offset -= 3;
  const Offset before = offset++;
  const Offset after = offset--;
  return before == Offset(12) && after == Offset(13) && ++offset == Offset(13) &&
         --offset == Offset(12);
}());
template <typename A, typename B>
constexpr bool kCanAdd = requires(A a, B b) {
  a + b;
};
static_assert(kCanAdd<Offset, int>);
static_assert(!kCanAdd<Offset, Offset>, "the sum of two places is no place");

}  // namespace

TEST_CASE("An offset and the name of a partition are printed by streams and by Abseil") {
  CHECK(Streamed(Offset(42)) == "42");
  CHECK(Streamed(Offset(-1)) == "-1");
  CHECK(Stringified(Offset(42)) == "42");
  const TopicPartition name{"orders", 3};
  CHECK(name.ToString() == "orders-3");
  CHECK(Streamed(name) == "orders-3");
  CHECK(Stringified(name) == "orders-3");
}

TEST_CASE("Offsets and names of partitions are the keys of ordered and of hashed containers") {
  CHECK(std::set<Offset>{Offset(2), Offset(1), Offset(2)} ==
        std::set<Offset>{Offset(1), Offset(2)});
  CHECK(std::unordered_set<Offset>{Offset(2), Offset(1), Offset(2)}.size() == 2);
  std::unordered_map<TopicPartition, Offset> ends = {{{"a", 0}, Offset(5)}, {{"a", 1}, Offset(6)}};
  CHECK(ends.at({"a", 1}) == Offset(6));
  CHECK_FALSE(ends.contains({"b", 0}));
  CHECK(TopicPartition{"a", 9} < TopicPartition{"b", 0});
  CHECK(TopicPartition{"a", 9} < TopicPartition{"a", 10});
  CHECK(HashedParts(Offset(7)) == std::vector<std::string>{"7"});
  CHECK(HashedParts(TopicPartition{"a", 1}) == std::vector<std::string>{"a", "1"});
}

TEST_CASE("The hashes of a topic's partitions are spread") {
  std::set<std::size_t> buckets;
  for (int i = 0; i < 1000; ++i) {
    buckets.insert(std::hash<TopicPartition>()({"orders", i}) >> 54);
  }
  CHECK(buckets.size() > 400);
}

}  // namespace daybook
