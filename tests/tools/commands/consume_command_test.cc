#include <algorithm>
#include <string>

#include "catch.h"
#include "daybook/admin.h"
#include "daybook/broker.h"
#include "daybook/producer.h"
#include "support/child_process.h"
#include "support/command_fixture.h"
#include "support/running_command.h"
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
  CHECK(daybook.Run("consume t -e -o sometime").status == 2);
}

TEST_CASE("Consume begins at the time that it prints, though the records came long after") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("topic create u --config message.timestamp.type=LogAppendTime");
  const std::string records =
      "{\"payload\":\"a\",\"ts\":500}\n{\"payload\":\"b\",\"ts\":100}\n"
      "{\"payload\":\"c\",\"ts\":900}\n{\"payload\":\"d\",\"ts\":300}\n";
  daybook.Output("produce t -J", records);
  daybook.Output("produce u -J", records);
  CHECK(daybook.Output("consume t -e -o s@501 -f '%T %s\\n'") == "900 c\n300 d\n");
  CHECK(daybook.Output("consume t -e -o s@901").empty());
  CHECK(daybook.Output("consume u -e -o s@901") == "a\nb\nc\nd\n");
  daybook.Output("consume t -e -G g");
  daybook.Output("group seek g --topic t --to-datetime 1970-01-01T00:00:00.600 --execute");
  CHECK(daybook.Output("consume t -e -G g") == "c\nd\n");
}

TEST_CASE("The help of consume and the tstype of its JSON say whose time it is") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("topic create u --config message.timestamp.type=LogAppendTime");
  daybook.Output("produce t", "a\n");
  daybook.Output("produce u", "a\n");
  using Catch::Matchers::Contains;
  CHECK_THAT(daybook.Output("consume t -e -J"), Contains("\"tstype\":\"create\""));
  CHECK_THAT(daybook.Output("consume u -e -J"), Contains("\"tstype\":\"logappend\""));
  const std::string both = daybook.Output("consume t u -e -J -G g");
  CHECK_THAT(both, Contains("\"create\"") && Contains("\"logappend\""));
  CHECK_THAT(daybook.Output("consume --help"), Contains("message.timestamp.type"));
  CHECK_THAT(daybook.Output("group seek --help"), Contains("message.timestamp.type"));
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

TEST_CASE("Consume ends before a time, in each partition, and is then done") {
  CommandFixture daybook;
  {
    ManualClock clock;
    BrokerOptions options;
    options.clock = &clock;
    const auto broker = Broker::Open(daybook.data().string(), options).value();
    REQUIRE(broker->CreateTopic("t", {.partitions = 3}).ok());
    Producer producer(*broker);
    for (int i = 0; i < 12; ++i) {
      clock.Set(Timestamp(std::chrono::milliseconds(1000 + i)));
      const std::string text = std::to_string(i);
      // Nothing is in the third partition.
      REQUIRE(producer.Send("t", {.value = text, .partition = i % 2}).ok());
    }
  }
  const auto sorted = [&](const std::string& arguments) {
    return daybook.Output("consume t " + arguments + " | sort -n | tr '\\n' ' '");
  };
  CHECK(sorted("-o e@1005") == "0 1 2 3 4 ");
  CHECK(sorted("-o s@1003 -o e@1006") == "3 4 5 ");
  CHECK(sorted("-o e@1006 -o s@1003 -p 1") == "3 5 ");
  CHECK(sorted("-o 4 -o e@1009") == "8 ");
  CHECK(sorted("-o e@1000").empty());
  CHECK(sorted("-o s@1006 -o e@1003").empty());
  CHECK(sorted("-o e@99999999").size() == 26);
  CHECK(sorted("-o e@1005 -c 2").size() == 4);
  CHECK(daybook.Run("consume t -o 1 -o 2").status == 2);
  CHECK(daybook.Run("consume t -o e@5 -G g").status == 2);
}

TEST_CASE("Consume comes to an end whose last offsets hold no records") {
  CommandFixture daybook;
  enum class Tail { kDroppedClaim, kOpenClaim, kClaimOfTheDead };
  for (const auto tail : {Tail::kDroppedClaim, Tail::kOpenClaim, Tail::kClaimOfTheDead}) {
    for (const bool has_records : {false, true}) {
      INFO(static_cast<int>(tail) << " " << has_records);
      const std::string name =
          "t" + std::to_string(static_cast<int>(tail)) + (has_records ? "full" : "empty");
      const auto write = [&](const auto& look) {
        const auto broker = Broker::Open(daybook.data().string()).value();
        REQUIRE(broker->CreateTopic(name, {.partitions = 2}).ok());
        const Topic topic = broker->OpenTopic(name).value();
        if (has_records) REQUIRE(topic.partition(0).Append(RecordOf("a")).ok());
        REQUIRE(topic.partition(1).Append(RecordOf("b")).ok());
        auto claim = topic.partition(0).Claim({.value_bytes = 10});
        REQUIRE(claim.ok());
        if (tail == Tail::kDroppedClaim) claim = absl::CancelledError();
        look();
      };
      const auto consume = [&] {
        RunningCommand command(daybook.Command("consume " + name + " -o e@99999999999999"));
        std::string seen = command.ReadToEnd();
        CHECK(command.Wait() == 0);
        std::sort(seen.begin(), seen.end());
        CHECK(seen == (has_records ? "\n\nab" : "\nb"));
      };
      if (tail == Tail::kClaimOfTheDead) {
        CHECK(InChild([&] {
                write([] { _exit(7); });
                return 1;
              }) == 7);
      } else {
        write(consume);
      }
      consume();
    }
  }
}

TEST_CASE("A group reads several topics, or those that match, and without one it is refused") {
  CommandFixture daybook;
  for (const std::string topic : {"a1", "a2", "b1"}) {
    daybook.Output("topic create " + topic);
    daybook.Output("produce " + topic, topic + "\n");
  }
  const auto sorted = [&](const std::string& arguments) {
    return daybook.Output("consume " + arguments + " | sort | tr '\\n' ' '");
  };
  CHECK(sorted("a1 b1 -e -G named") == "a1 b1 ");
  CHECK(sorted("'^a.' -e -G matching") == "a1 a2 ");
  CHECK(sorted("'^a.' -e -G matching").empty());
  CHECK(daybook.Run("consume a1 b1 -e").error.find("-G") != std::string::npos);
  CHECK(daybook.Run("consume a1 nothing -e -G g").status == 1);
  CHECK(daybook.Run("consume '^a(' -e -G g").status == 1);
  CHECK(daybook.Run("consume '^a' '^b' -e -G g").status == 2);
}

TEST_CASE("Beside a process that writes, consume -G keeps its offsets elsewhere") {
  CommandFixture daybook;
  const auto broker = Broker::Open(daybook.data().string()).value();
  REQUIRE(broker->CreateTopic("t").ok());
  const Topic topic = broker->OpenTopic("t").value();
  REQUIRE(topic.partition(0).Append(RecordOf("0")).ok());
  const std::string own = " --offsets-directory " + (daybook.data().parent_path() / "own").string();
  CHECK(daybook.Run("consume t -e -G g").status == 1);
  CHECK(daybook.Output("consume t -e -G g" + own) == "0\n");
  REQUIRE(topic.partition(0).Append(RecordOf("1")).ok());
  CHECK(daybook.Output("consume t -e -G g" + own) == "1\n");
  CHECK(daybook.Output("group list" + own).find("g\n") != std::string::npos);
  daybook.Output("group seek g --to-earliest --execute" + own);
  CHECK(daybook.Output("consume t -e -G g" + own) == "0\n1\n");
  CHECK(Admin(*broker).ListGroups()->empty());
  CHECK(daybook.Run("consume t -e" + own).status == 2);
}

}  // namespace daybook
