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
  const auto rows = nlohmann::json::parse(daybook.Output("--format json group describe service"));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["topic"] == "t");
  CHECK(rows[0]["committed"] == 1);
  CHECK(rows[0]["end"] == 3);
  CHECK(rows[0]["lag"] == 2);
  CHECK(daybook.Run("group describe nobody").status == 1);
}

}  // namespace daybook
