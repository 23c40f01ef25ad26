#include <nlohmann/json.hpp>

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {

TEST_CASE("A topic is created, listed, described, altered and deleted") {
  CommandFixture daybook;
  daybook.Output(
      "topic create orders --partitions 4 --config durability=disk segment.bytes=1048576"
      " --config max.message.bytes=1000");
  CHECK(daybook.Output("topic list").find("orders           4  disk") != std::string::npos);
  const auto described =
      nlohmann::json::parse(daybook.Output("--format json topic describe orders"));
  CHECK(described["settings"]["segment.bytes"] == "1048576");
  CHECK(described["partitions"].size() == 4);
  CHECK(described["partitions"][3]["end"] == 0);
  daybook.Output("topic alter orders --partitions 6");
  CHECK(daybook.Output("topic list").find("orders           6  disk") != std::string::npos);
  CHECK(daybook.Run("topic alter orders --partitions 2").status == 1);
  daybook.Output("topic delete orders");
  CHECK(nlohmann::json::parse(daybook.Output("topic list --format json")).empty());
}

TEST_CASE("Mistakes in names and settings are named") {
  CommandFixture daybook;
  daybook.Output("topic create orders");
  CHECK(daybook.Run("topic create orders").error.find("already a topic") != std::string::npos);
  CHECK(daybook.Run("topic describe order").error.find("did you mean orders?") !=
        std::string::npos);
  CHECK(daybook.Run("topic create x --config segment.byte=1").error.find("segment.bytes?") !=
        std::string::npos);
  CHECK(daybook.Run("topic create a/b").status == 1);
  CHECK(daybook.Run("topic create x --partitions 0").status == 1);
  CHECK(daybook.Run("topic create x --config nonsense").status == 1);
  CHECK(daybook.Run("topic delete nothing").status == 1);
}

}  // namespace daybook
