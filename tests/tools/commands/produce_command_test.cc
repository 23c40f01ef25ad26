#include "catch.h"
#include "support/command_fixture.h"
#include "support/running_command.h"

namespace daybook {

TEST_CASE("Lines come back byte for byte") {
  CommandFixture daybook;
  daybook.Output("topic create lines");
  std::string input = "first\n\n  spaces  \ntab\t\r\n\xff\xfe\n" + std::string(3'000, 'x') + "\n";
  input += std::string("nul\0byte\n", 9);
  daybook.Output("produce lines", input);
  CHECK(daybook.Output("consume lines -e") == input);
}

TEST_CASE("A last line without a newline is a record too") {
  CommandFixture daybook;
  daybook.Output("topic create lines");
  daybook.Output("produce lines", "one\ntwo");
  CHECK(daybook.Output("consume lines -e") == "one\ntwo\n");
}

TEST_CASE("Nothing is produced to an internal topic, and the directory can be opened afterwards") {
  CommandFixture daybook;
  daybook.Output("topic create lines");
  daybook.Output("produce lines", "one\n");
  CHECK(daybook.Output("consume lines -e -G readers") == "one\n");
  const auto result = daybook.Run("produce __consumer_offsets", "x\n");
  CHECK(result.status == 1);
  CHECK(result.error.find("internal topic") != std::string::npos);
  daybook.Output("produce lines", "two\n");
  CHECK(daybook.Output("consume lines -e -G readers") == "two\n");
}

TEST_CASE("The field that is named becomes the key and keeps to one partition") {
  CommandFixture daybook;
  daybook.Output("topic create flights --partitions 12");
  daybook.Output("produce flights --key-json origin",
                 "{\"origin\":\"LAS\"}\n{\"origin\":\"ATL\"}\n{\"origin\":\"LAS\"}\n{}\n");
  // As librdkafka's murmur2 partitioner has it.
  CHECK(daybook.Output("consume flights -e -p 8 -f '%k\\n'") == "LAS\nLAS\n");
  CHECK(daybook.Output("consume flights -e -p 3 -f '%k %K\\n'") == "ATL 3\n");
}

TEST_CASE("A line that is not JSON stops with its number, and what was sent stays") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  const auto result = daybook.Run("produce t --key-json k", "{\"k\":1}\nnot json\n{\"k\":2}\n");
  CHECK(result.status == 1);
  CHECK(result.error.find("line 2") != std::string::npos);
  CHECK(daybook.Output("consume t -e") == "{\"k\":1}\n");
}

TEST_CASE("A delimiter splits the key off") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t -K :", "k:v:w\nnone\n");
  CHECK(daybook.Output("consume t -e -f '%k|%K|%s\\n'") == "k|1|v:w\n|-1|none\n");
}

TEST_CASE("A line over the limit and a partition that is not there are refused") {
  CommandFixture daybook;
  daybook.Output("topic create t --config max.message.bytes=10");
  std::string line(100, 'x');
  line += '\n';
  CHECK(daybook.Run("produce t", line).error.find("longer than 10 bytes") != std::string::npos);
  CHECK(daybook.Run("produce t -p 1", "x\n").error.find("no partition 1") != std::string::npos);
  CHECK(daybook.Output("consume t -e").empty());
}

TEST_CASE("No more records are sent than are asked for") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t -c 2", "a\nb\nc\n");
  daybook.Output("produce t -c 0", "d\n");
  daybook.Output("produce t -c 5", "e\n");
  CHECK(daybook.Output("consume t -e") == "a\nb\ne\n");
  // It does not wait for the end of the input.
  RunningCommand produce(daybook.Command("produce t -c 1"));
  produce.Write("f\n");
  CHECK(produce.Wait() == 0);
  CHECK(daybook.Output("consume t -e -o -1") == "f\n");
}

TEST_CASE("Headers are given to every record") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t -H a=1 -H b=x=y --header c= -H d", "v\nw\n");
  CHECK(daybook.Output("consume t -e -f '%s %h\n'") == "v a=1,b=x=y,c=,d=\nw a=1,b=x=y,c=,d=\n");
  CHECK(daybook.Output("consume t -e -c 1 -J").find("\"c\",\"\",\"d\",null]") != std::string::npos);
  CHECK(daybook.Run("produce t -J -H a=1").status == 2);
}

TEST_CASE("Empty values are tombstones and empty keys none where that is asked for") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  const std::string lines = "k:\n:v\n\nk:v\n";
  daybook.Output("produce t -K :", lines);
  daybook.Output("produce t -K : -Z", lines);
  CHECK(daybook.Output("consume t -e -Z -f '%k=%s '") ==
        "k= =v NULL= k=v k=NULL NULL=v NULL=NULL k=v ");
}

}  // namespace daybook
