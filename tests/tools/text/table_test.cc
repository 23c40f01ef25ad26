#include "tools/text/table.h"

#include "catch.h"

namespace daybook::tools {

TEST_CASE("Numbers stand to the right and text to the left") {
  Table table({"topic", "lag"});
  table.Add({"a", 5});
  table.Add({"longer", 12345});
  CHECK(table.ToText() ==
        "topic     lag\n"
        "a           5\n"
        "longer  12345\n");
}

TEST_CASE("A table without rows is its headings, and an empty array as JSON") {
  Table table({"topic"});
  CHECK(table.ToText() == "topic\n");
  CHECK(table.ToJson().dump() == "[]");
}

TEST_CASE("JSON has the columns' names as keys and keeps nothing as null") {
  Table table({"a", "b"});
  table.Add({1, nullptr});
  CHECK(table.ToJson().dump() == R"([{"a":1,"b":null}])");
  CHECK(table.ToText() == "a  b\n1  -\n");
}

TEST_CASE("The directory of a partition is a topic and a number") {
  using Cells = std::array<nlohmann::json, 2>;
  CHECK(PartitionCells("orders-12") == Cells{"orders", 12});
  CHECK(PartitionCells("__consumer_offsets-0") == Cells{"__consumer_offsets", 0});
  CHECK(PartitionCells("") == Cells{nullptr, nullptr});
}

}  // namespace daybook::tools
