#include <nlohmann/json.hpp>

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {

TEST_CASE("Groups are listed and described with their lag") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "0\n1\n2\n");
  CHECK(nlohmann::json::parse(daybook.Output("--format json group list")).empty());
  daybook.Output("consume t -G service -c 1");
  CHECK(daybook.Output("group list").find("service") != std::string::npos);
  const auto group = nlohmann::json::parse(daybook.Output("--format json group describe service"));
  CHECK(group["group"] == "service");
  const auto& rows = group["offsets"];
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["topic"] == "t");
  CHECK(rows[0]["committed_offset"] == 1);
  CHECK(rows[0]["end_offset"] == 3);
  CHECK(rows[0]["lag"] == 2);
  CHECK(rows[0]["metadata"] == "");
  CHECK(daybook.Run("group describe nobody").status == 1);
}

TEST_CASE("The lag of a group is summed up by topic") {
  CommandFixture daybook;
  daybook.Output("topic create t --partitions 2");
  daybook.Output("produce t -p 0", "0\n1\n2\n");
  daybook.Output("produce t -p 1", "0\n1\n");
  daybook.Output("group seek service --topic t --to-earliest --execute");
  const auto rows = nlohmann::json::parse(daybook.Output("--format json group lag service"));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["topic"] == "t");
  CHECK(rows[0]["partitions"] == 2);
  CHECK(rows[0]["lag"] == 5);
  CHECK(daybook.Run("group lag nobody").status == 1);
}

}  // namespace daybook
