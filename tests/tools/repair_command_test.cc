#include <nlohmann/json.hpp>
#include <string>

#include "catch.h"
#include "support/command_fixture.h"

namespace daybook {
namespace {

struct DamagedTopic : CommandFixture {
  DamagedTopic() {
    Output("topic create t");
    Output("produce t", "aaaa\nbbbb\ncccc\n");
    Flip(segment(), 4096 + 32 + 25);
  }
  std::filesystem::path segment() const { return data() / "t-0" / "00000000000000000000.log"; }
};

}  // namespace

TEST_CASE("Repair says what it would do, and does it when it is told to") {
  DamagedTopic daybook;
  const std::string before = CommandFixture::Get(daybook.segment());
  const std::string plan = daybook.Output("repair");
  CHECK(plan.find("--execute") != std::string::npos);
  CHECK(CommandFixture::Get(daybook.segment()) == before);
  CHECK(daybook.Run("verify").status == 1);

  const auto json = nlohmann::json::parse(daybook.Output("repair t --execute --format json"));
  CHECK(json["executed"] == true);
  CHECK(json["lost"][0]["begin_offset"] == 1);
  CHECK(json["lost"][0]["end_offset"] == 2);
  CHECK(json["quarantine"] == "quarantine/1");
  CHECK(CommandFixture::Get(daybook.data() / "quarantine" / "1" / "t-0" /
                            "00000000000000000000.log") == before);
  CHECK(daybook.Run("verify").status == 0);
  CHECK(daybook.Output("consume t -o beginning -e") == "aaaa\ncccc\n");
  CHECK(daybook.Output("repair") == "Nothing is to be repaired.\n");
}

TEST_CASE("Repair of a topic that is not there is refused") {
  DamagedTopic daybook;
  CHECK(daybook.Run("repair nothing").status == 1);
}

}  // namespace daybook
