#include "tools/commands/group_seek.h"

#include <nlohmann/json.hpp>

#include "catch.h"
#include "daybook/consumer_group.h"
#include "support/command_fixture.h"

namespace daybook {
namespace {

// Five records in each of two partitions, and the group "g" at 2 in the first.
struct SeekFixture {
  SeekFixture() {
    daybook.Output("topic create t --partitions 2");
    for (const char* partition : {"0", "1"}) {
      daybook.Output(std::string("produce t -p ") + partition, "0\n1\n2\n3\n4\n");
    }
    daybook.Output("group seek g --topic t:0 --to-offset 2 --execute");
  }
  // Prior and new of each partition that is in the table.
  std::string Seek(const std::string& arguments) {
    std::string moves;
    for (const auto& row :
         nlohmann::json::parse(daybook.Output("--format json group seek g " + arguments))) {
      moves += row["partition"].dump() + ":" + row["prior_offset"].dump() + ">" +
               row["new_offset"].dump() + " ";
    }
    return moves;
  }
  CommandFixture daybook;
};

}  // namespace

TEST_CASE("A seek of a group shows the prior and the new place, and moves nothing by itself") {
  SeekFixture fixture;
  CHECK(fixture.Seek("--to-latest") == "0:2>5 ");
  CHECK(fixture.Seek("--to-latest") == "0:2>5 ");
  const auto result = fixture.daybook.Run("group seek g --to-latest");
  CHECK(result.error.find("--execute") != std::string::npos);
  CHECK(fixture.Seek("--to-latest --execute") == "0:2>5 ");
  CHECK(fixture.Seek("--to-latest") == "0:5>5 ");
}

TEST_CASE("A group is moved to the beginning, the end, an offset, a time, or by so many") {
  SeekFixture fixture;
  CHECK(fixture.Seek("--to-earliest") == "0:2>0 ");
  CHECK(fixture.Seek("--to-offset 4") == "0:2>4 ");
  CHECK(fixture.Seek("--to-offset 400") == "0:2>5 ");
  CHECK(fixture.Seek("--shift-by 1") == "0:2>3 ");
  CHECK(fixture.Seek("--shift-by=-1") == "0:2>1 ");
  CHECK(fixture.Seek("--shift-by=-9223372036854775808") == "0:2>0 ");
  CHECK(fixture.Seek("--to-datetime 1999-12-31T23:59:59Z") == "0:2>0 ");
  CHECK(fixture.Seek("--to-datetime 2261-01-01T00:00:00") == "0:2>5 ");
}

TEST_CASE("Topics and partitions that a group is not in yet are named") {
  SeekFixture fixture;
  CHECK(fixture.Seek("--topic t --to-latest") == "0:2>5 1:null>5 ");
  CHECK(fixture.Seek("--topic t:1 --to-latest") == "1:null>5 ");
  CommandFixture& daybook = fixture.daybook;
  CHECK(daybook.Run("group seek g --topic t:2 --to-latest").status == 1);
  CHECK(daybook.Run("group seek g --topic u --to-latest").status == 1);
  CHECK(daybook.Run("group seek g --topic t:1 --shift-by 1").status == 1);
  CHECK(daybook.Run("group seek nobody --to-latest").status == 1);
  CHECK(daybook.Run("group seek g").status == 2);
  CHECK(daybook.Run("group seek g --to-latest --to-earliest").status == 2);
}

TEST_CASE("A group that a process reads as is looked at, but not moved") {
  SeekFixture fixture;
  const auto broker = Broker::Open(fixture.daybook.data().string()).value();
  const auto consumer = ConsumerGroup(*broker, "g").Join({"t"}).value();
  CHECK(fixture.Seek("--to-latest") == "0:2>5 ");
  const auto refused = fixture.daybook.Run("group seek g --to-latest --execute");
  CHECK(refused.status == 1);
  CHECK(consumer->Committed({"t", 0}).value().offset == Offset(2));
}

TEST_CASE("Targets of a seek are a topic, or partitions of it") {
  CHECK(tools::ParseSeekTarget("t").value().partitions.empty());
  const auto some = tools::ParseSeekTarget("t.x:3,0").value();
  CHECK(some.topic == "t.x");
  CHECK(some.partitions == std::vector<int>{3, 0});
  for (const char* bad : {"t:", "t:x", "t:1,", "t:1;2", "t:-1", "t:1234567"}) {
    INFO(bad);
    CHECK(absl::IsInvalidArgument(tools::ParseSeekTarget(bad).status()));
  }
}

TEST_CASE("Times are read as ISO 8601 writes them") {
  const auto seconds = [](const char* text) {
    return std::chrono::duration<double>(tools::ParseDateTime(text).value().time_since_epoch())
        .count();
  };
  CHECK(seconds("1970-01-01T00:00:00") == 0);
  CHECK(seconds("1970-01-02T00:00:01Z") == 86'401);
  CHECK(seconds("1970-01-01 00:00:00.25") == 0.25);
  CHECK(seconds("1970-01-01T02:00:00+02:00") == 0);
  CHECK(seconds("1970-01-01T00:00:00-0130") == 5400);
  CHECK(seconds("2024-02-29T12:00:00") == 1'709'208'000);
  for (const char* bad : {"", "now", "2024-02-30T00:00:00", "2024-13-01T00:00:00",
                          "2024-01-01T24:00:00", "2024-01-01", "2024-01-01T00:00:00X",
                          "2024-01-01T00:00:00.", "1969-12-31T00:00:00", "2262-01-01T00:00:00"}) {
    INFO(bad);
    CHECK(absl::IsInvalidArgument(tools::ParseDateTime(bad).status()));
  }
}

}  // namespace daybook
