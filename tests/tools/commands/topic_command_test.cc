#include <filesystem>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "daybook/broker.h"
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
  CHECK(described["settings"]["segment.bytes"] == 1048576);
  CHECK(described["partitions"].size() == 4);
  CHECK(described["partitions"][3]["end_offset"] == 0);
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
  CHECK(daybook.Run("topic create x --partitions 0").status == 2);
  CHECK(daybook.Run("topic create x --config nonsense").status == 2);
  CHECK(daybook.Run("topic delete nothing").status == 1);
}

TEST_CASE("A setting that is given twice is refused, under whichever name") {
  CommandFixture daybook;
  const auto refused = daybook.Run("topic create t --partitions 2 --config num.partitions=3");
  CHECK(refused.status == 2);
  CHECK(refused.error.find("num.partitions is given twice") != std::string::npos);
  CHECK(daybook.Run("topic create t --partitions 2 --config num.partitions=2").status == 2);
  CHECK(daybook.Run("topic create t --config flush.ms=5 --config flush.ms=6").status == 2);
  CHECK_FALSE(std::filesystem::exists(daybook.data()));
  daybook.Output("topic create t --config num.partitions=3");
  daybook.Output("topic create u --partitions 2 --config flush.ms=5 segment.bytes=1048576");
  CHECK(daybook.Output("topic list").find("t               3") != std::string::npos);
  CHECK(daybook.Output("topic list").find("u               2") != std::string::npos);
}

TEST_CASE("The help of --config names every setting that it takes") {
  CommandFixture daybook;
  std::string help = daybook.Output("topic create --help");
  // As one line: it is wrapped wherever there is a blank.
  for (std::size_t i = 0; (i = help.find_first_of(" \n", i)) != std::string::npos;) {
    help.erase(i, 1);
  }
  for (const auto& [key, unused] : ToProperties(TopicOptions())) {
    INFO(key);
    const bool is_of_memory =
        key == "storage" || key.starts_with("memory.") || key == "max.block.ms";
    CHECK((help.find(key) != std::string::npos) != is_of_memory);
  }
  CHECK(help.find("message.timestamp.type(CreateTime,LogAppendTime)") != std::string::npos);
  CHECK(help.find("durability(process,interval,disk)") != std::string::npos);
}

TEST_CASE("A topic that is there is no error if that is asked for, and stays as it is") {
  CommandFixture daybook;
  daybook.Output("topic create t --partitions 2 --if-not-exists");
  daybook.Output("produce t", "a\n");
  CHECK(daybook.Run("topic create t").status == 1);
  daybook.Output("topic create t --partitions 5 --if-not-exists");
  CHECK(daybook.Output("topic list").find("t               2") != std::string::npos);
  CHECK(daybook.Output("consume t -e") == "a\n");
  CHECK(daybook.Run("topic create a/b --if-not-exists").status == 1);
}

TEST_CASE("A topic in memory is neither made nor used from the command line") {
  CommandFixture daybook;
  const auto refused = daybook.Run("topic create t --config storage=memory");
  CHECK(refused.status == 2);
  CHECK(refused.error.find("in memory") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(daybook.data()));
  {
    const auto broker = Broker::Open(daybook.data().string()).value();
    REQUIRE(broker->CreateTopic("ticks", {.partitions = 2, .storage = Storage::kMemory}).ok());
    REQUIRE(broker->Close().ok());
  }
  for (const std::string arguments : {"produce ticks", "consume ticks -e", "consume ticks -e -G g",
                                      "group seek g --topic ticks --to-latest --execute"}) {
    INFO(arguments);
    const auto used = daybook.Run(arguments, "a\n");
    CHECK(used.status == 1);
    CHECK(used.error.find("ticks is a topic in memory") != std::string::npos);
  }
  // What is known of it is shown.
  const auto described =
      nlohmann::json::parse(daybook.Output("--format json topic describe ticks"));
  CHECK(described["settings"]["storage"] == "memory");
  CHECK(described["partitions"].size() == 2);
  CHECK(described["partitions"][0]["end_offset"].is_null());
  daybook.Output("topic delete ticks");
}

TEST_CASE("Retention is altered, and records are deleted") {
  CommandFixture daybook;
  daybook.Output("topic create t --config segment.bytes=65536");
  CHECK(daybook.Run("topic alter t").status == 2);
  daybook.Output("topic alter t --config retention.bytes=65536 retention.ms=1000 --partitions 2");
  const auto described = nlohmann::json::parse(daybook.Output("--format json topic describe t"));
  CHECK(described["settings"]["retention.bytes"] == 65536);
  CHECK(described["settings"]["retention.ms"] == 1000);
  CHECK(described["partitions"].size() == 2);
  CHECK(described["partitions"][1]["bytes"] == 0);
  CHECK(daybook.Run("topic alter t --config durability=disk").error.find("cannot be changed") !=
        std::string::npos);
  CHECK(daybook.Run("topic alter t --config retention.bytes=1").status == 1);
  CHECK(daybook.Run("topic alter t --config retention.byte=1").error.find("retention.bytes?") !=
        std::string::npos);
  daybook.Output("topic alter t --config retention.ms=-1");
  daybook.Output("produce t -p 0", "a\nb\nc\nd\ne\n");
  CHECK(daybook.Output("topic delete-records t --partition 0 --before 3").find("3") !=
        std::string::npos);
  CHECK(daybook.Run("topic delete-records t --partition 0 --before 6").status == 1);
  CHECK(daybook.Run("topic delete-records t --partition 7 --before 0").status == 1);
  CHECK(daybook.Run("topic delete-records t --partition 0 --before -1").status == 2);
  const auto after = nlohmann::json::parse(daybook.Output("--format json topic describe t"));
  CHECK(after["partitions"][0]["begin_offset"] == 3);
  CHECK(after["partitions"][0]["end_offset"] == 5);
}

}  // namespace daybook
