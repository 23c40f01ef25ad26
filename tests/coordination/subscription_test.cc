#include "coordination/subscription.h"

#include "catch.h"

namespace daybook {

using Names = std::vector<std::string>;

TEST_CASE("Names select what there is of them, in order and once") {
  const Subscription subscription = Subscription::ToTopics({"b", "a", "b", "missing"});
  CHECK(subscription.names() == Names{"a", "b", "missing"});
  CHECK(subscription.Select({{"a", 1}, {"b", 1}, {"c", 1}}) == Names{"a", "b"});
}

TEST_CASE("An expression selects the topics whose whole name it matches, but internal ones") {
  const std::map<std::string, int> topics = {
      {"__consumer_offsets", 1}, {"orders", 1}, {"orders.eu", 2}, {"preorders", 1}};
  const auto select = [&](const char* expression) {
    return Subscription::ToMatching(expression).value().Select(topics);
  };
  CHECK(select("orders") == Names{"orders"});
  CHECK(select("orders.*") == Names{"orders", "orders.eu"});
  CHECK(select(".*orders") == Names{"orders", "preorders"});
  CHECK(select(".*") == Names{"orders", "orders.eu", "preorders"});
  CHECK(select("").empty());
  CHECK(Subscription::ToMatching("a").value().names().empty());
}

TEST_CASE("What is no regular expression is refused") {
  for (const char* bad : {"(", "[z-a]", "*", "a{2", "a)|(b", "(?:a)"}) {
    INFO(bad);
    const auto status = Subscription::ToMatching(bad).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find(bad) != absl::string_view::npos);
  }
}

TEST_CASE("An expression of any kind is matched in no time, or refused") {
  const std::map<std::string, int> topics = {{std::string(249, 'a'), 1}, {"ab", 1}};
  // Where a match backtracks, each of these takes longer than the world is old.
  for (const char* slow : {"(a*)*c", "(a|aa)+c", "(a+a+)+c", "((a|b)*a|(b|a)*b)*c", "(.*)*(.*)*c",
                           "(a?){100}a{100}c", "((((a*)*)*)*)*c", "(a|b)*a(a|b){100}c"}) {
    INFO(slow);
    CHECK(Subscription::ToMatching(slow).value().Select(topics).empty());
  }
  CHECK(Subscription::ToMatching("(a*)*").value().Select(topics).size() == 1);
  const std::string nested = std::string(30, '(') + "a";
  std::string plus = nested;
  for (int i = 0; i < 30; ++i) plus += ")+";
  for (const std::string& large :
       {std::string("((a{1,100}){1,100}){1,100}"), std::string("a{20000}"), plus,
        std::string("(a{500}[[:alpha:](]){500}"), std::string("(a{500}[]x(]){500}"),
        std::string("(a{500}[^](]){500}"), std::string(1001, 'a')}) {
    INFO(large);
    CHECK(absl::IsInvalidArgument(Subscription::ToMatching(large).status()));
  }
}

TEST_CASE("An expression that nests however deep takes no more than a little of the stack") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  CHECK(Subscription::ToMatching(nested(100)).value().Select({{"a", 1}}) == Names{"a"});
  std::string starred = std::string(30'000, '(') + "a";
  for (int i = 0; i < 30'000; ++i) starred += ")*";
  for (const std::string& deep :
       {nested(101), nested(30'000), std::string(1'000'000, '('), starred, "x|" + nested(30'000),
        "a" + std::string(30'000, '*'), "a" + std::string(30'000, '?')}) {
    INFO(deep.substr(0, 10) << " of " << deep.size());
    const auto status = Subscription::ToMatching(deep).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().size() < 400);
  }
  // Signs that stand for themselves nest nothing.
  CHECK(Subscription::ToMatching(std::string(300, 'a') + "[((((]{150}").ok());
  std::string signs;
  for (int i = 0; i < 300; ++i) signs += "\\(";
  CHECK(Subscription::ToMatching(signs).ok());
}

TEST_CASE(
    "What an expression would mean in another syntax is refused, not taken for something else") {
  for (const char* other : {"(a)\\1", "\\d+", "\\bt", "a\\w*"}) {
    INFO(other);
    CHECK(absl::IsInvalidArgument(Subscription::ToMatching(other).status()));
  }
  CHECK(absl::IsInvalidArgument(Subscription::ToMatching(std::string_view("a\0b", 3)).status()));
  const std::map<std::string, int> topics = {{"a.b", 1}, {"axb", 1}, {"a-1", 1}};
  CHECK(Subscription::ToMatching("a\\.b").value().Select(topics) == Names{"a.b"});
  CHECK(Subscription::ToMatching("a-[0-9]|x").value().Select(topics) == Names{"a-1"});
}

TEST_CASE("Subscriptions to the same are the same") {
  CHECK(Subscription::ToTopics({"a", "b"}) == Subscription::ToTopics({"b", "a"}));
  CHECK_FALSE(Subscription::ToTopics({"a"}) == Subscription::ToMatching("a").value());
  CHECK(Subscription::ToMatching("a").value() == Subscription::ToMatching("a").value());
}

}  // namespace daybook
