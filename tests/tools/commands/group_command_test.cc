#include <algorithm>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/consumer_group.h"
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

TEST_CASE("A group's name and metadata may be any bytes") {
  CommandFixture daybook;
  const std::string name = "caf\xe9\xc2\x9b";
  {
    const auto broker = Broker::Open(daybook.data().string()).value();
    REQUIRE(broker->CreateTopic("t").ok());
    Topic topic = broker->OpenTopic("t").value();
    REQUIRE(topic.partition(0).Append({.value = "a"}).ok());
    const auto consumer = ConsumerGroup(*broker, name).Join({"t"}).value();
    REQUIRE(consumer->Poll({}).value().size() == 1);
    const CommittedOffset place{.offset = Offset(1), .metadata = "\xff\x1b[31m\n"};
    REQUIRE(consumer->Commit({{{"t", 0}, place}}).ok());
    REQUIRE(broker->Close().ok());
  }
  const auto list = nlohmann::json::parse(daybook.Output("--format json group list"));
  REQUIRE(list.size() == 1);
  CHECK(list[0]["group"]["base64"] == "Y2Fm6cKb");
  CHECK(daybook.Output("group list") == "group\ncaf\\xe9\\xc2\\x9b\n");
  const std::string word = "'" + name + "'";
  const auto described =
      nlohmann::json::parse(daybook.Output("--format json group describe " + word));
  CHECK(described["group"]["base64"] == "Y2Fm6cKb");
  CHECK(described["offsets"][0]["metadata"]["base64"] == "/xtbMzFtCg==");
  const std::string table = daybook.Output("group describe " + word);
  CHECK(table.find("\\xff\\x1b[31m\\x0a") != std::string::npos);
  CHECK(std::count(table.begin(), table.end(), '\n') == 2);
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
