#include "broker/subscription.h"

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
  for (const char* bad : {"(", "[z-a]", "*", "a{2"}) {
    INFO(bad);
    const auto status = Subscription::ToMatching(bad).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find(bad) != absl::string_view::npos);
  }
}

TEST_CASE("Subscriptions to the same are the same") {
  CHECK(Subscription::ToTopics({"a", "b"}) == Subscription::ToTopics({"b", "a"}));
  CHECK_FALSE(Subscription::ToTopics({"a"}) == Subscription::ToMatching("a").value());
  CHECK(Subscription::ToMatching("a").value() == Subscription::ToMatching("a").value());
}

}  // namespace daybook
