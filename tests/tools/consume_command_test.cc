#include <string>

#include "catch.h"
#include "daybook/broker.h"
#include "daybook/producer.h"
#include "support/command_fixture.h"
#include "support/segment_bytes.h"

namespace daybook {

TEST_CASE("Consume begins where it is told and stops when it is told") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "0\n1\n2\n3\n4\n");
  CHECK(daybook.Output("consume t -e -o 3") == "3\n4\n");
  CHECK(daybook.Output("consume t -e -o -2") == "3\n4\n");
  CHECK(daybook.Output("consume t -e -o end").empty());
  CHECK(daybook.Output("consume t -c 2") == "0\n1\n");
  CHECK(daybook.Output("consume t -c 0").empty());
  CHECK(daybook.Output("consume t -e -o s@0") == "0\n1\n2\n3\n4\n");
  CHECK(daybook.Output("consume t -e -o s@99999999999999").empty());
  CHECK(daybook.Run("consume t -e -o sometime").status == 1);
}

TEST_CASE("What consume -J prints, produce -J takes back") {
  CommandFixture daybook;
  daybook.Output("topic create a");
  daybook.Output("topic create b");
  daybook.Output("produce a -K :", "key:value\n:empty key\nno key\n\xff\xfe:\x80\n");
  const std::string printed = daybook.Output("consume a -e -J");
  daybook.Output("produce b -J", printed);
  std::string again = daybook.Output("consume b -e -J");
  for (std::size_t at = 0; (at = again.find("\"topic\":\"b\"", at)) != std::string::npos;) {
    again.replace(at, 11, "\"topic\":\"a\"");
  }
  CHECK(again == printed);
}

TEST_CASE("Consume works while another process writes, and a group is refused there") {
  CommandFixture daybook;
  auto broker = Broker::Open(daybook.data().string());
  REQUIRE(broker.ok());
  REQUIRE((*broker)->CreateTopic("t", {.segment_bytes = 64 << 10, .max_record_bytes = 1000}).ok());
  Producer producer(**broker);
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 500; ++i) {
      REQUIRE(producer.Send("t", RecordOf(std::to_string(round) + std::string(100, '.'))).ok());
    }
    const std::string seen = daybook.Output("consume t -e -f '%o\\n'");
    CHECK(std::count(seen.begin(), seen.end(), '\n') == round * 500);
  }
  const auto refused = daybook.Run("consume t -e -G group");
  CHECK(refused.status == 1);
  CHECK(refused.error.find(std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("A group goes on where it was") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "0\n1\n2\n");
  CHECK(daybook.Output("consume t -G g -c 2") == "0\n1\n");
  CHECK(daybook.Output("consume t -G g -e") == "2\n");
  CHECK(daybook.Output("consume t -G g -e").empty());
  CHECK(daybook.Output("consume t -G other -e") == "0\n1\n2\n");
}

TEST_CASE("A group without a name is refused, and nothing is read") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t", "a\n");
  for (const std::string arguments : {"-G ''", "--group=", "--group ''"}) {
    const auto refused = daybook.Run("consume t -e " + arguments);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK(refused.error.find("--group") != std::string::npos);
  }
}

}  // namespace daybook
