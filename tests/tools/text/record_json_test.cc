#include "tools/text/record_json.h"

#include "catch.h"
#include "support/command_fixture.h"
#include "support/example_record.h"

namespace daybook::tools {

TEST_CASE("A record survives JSON whatever its bytes are") {
  RecordView record = ExampleRecord();
  const std::string binary = "\xff\x00\x80";
  record.key = binary;
  std::string line;
  AppendJson(record, TimestampType::kCreateTime, &line);
  const auto parsed = ParseJson(line);
  REQUIRE(parsed.ok());
  CHECK(parsed->key == binary);
  CHECK(parsed->value == "value");
  CHECK(parsed->timestamp == record.timestamp);
  CHECK(parsed->partition == 3);
}

TEST_CASE("JSON says whose time it is, by the names of kcat") {
  std::string line;
  AppendJson(ExampleRecord(), TimestampType::kCreateTime, &line);
  CHECK_THAT(line, Catch::Matchers::Contains("\"tstype\":\"create\""));
  line.clear();
  AppendJson(ExampleRecord(), TimestampType::kLogAppendTime, &line);
  CHECK_THAT(line, Catch::Matchers::Contains("\"tstype\":\"logappend\""));
}

TEST_CASE("Absent key and value stay absent through JSON") {
  RecordView record = ExampleRecord();
  record.key.reset();
  record.value = std::nullopt;
  std::string line;
  AppendJson(record, TimestampType::kCreateTime, &line);
  const auto parsed = ParseJson(line);
  REQUIRE(parsed.ok());
  CHECK_FALSE(parsed->key.has_value());
  CHECK_FALSE(parsed->value.has_value());
}

TEST_CASE("JSON that is no record is refused") {
  for (const std::string_view bad :
       {"", "[]", "{}", "{\"key\":\"k\"}", "{\"payload\":\"v\",\"partition\":4294967296}",
        "{\"payload\":\"v\",\"key\":1}", "{\"payload\":{\"base64\":\"?\"}}",
        "{\"payload\":\"v\",\"headers\":[\"one\"]}", "{\"payload\":\"v\",\"headers\":[null,\"v\"]}",
        "{\"payload\":\"v\",\"headers\":{}}"}) {
    CHECK(absl::IsInvalidArgument(ParseJson(bad).status()));
  }
}

TEST_CASE("Times, partitions and headers of the wrong type are refused, and none is passed over") {
  for (const std::string field : {"\"ts\":1.5",
                                  "\"ts\":1e3",
                                  "\"ts\":\"1\"",
                                  "\"ts\":true",
                                  "\"ts\":9223372036855",
                                  "\"ts\":-9223372036855",
                                  "\"ts\":9223372036854775808",
                                  "\"ts\":18446744073709551616",
                                  "\"ts_ns\":1.5",
                                  "\"ts_ns\":\"1\"",
                                  "\"ts_ns\":[1]",
                                  "\"ts_ns\":9223372036854775808",
                                  "\"ts\":1,\"ts_ns\":2000000",
                                  "\"partition\":\"0\"",
                                  "\"partition\":0.0",
                                  "\"partition\":-1",
                                  "\"partition\":9223372036854775808",
                                  "\"partition\":{}",
                                  "\"headers\":\"a\"",
                                  "\"headers\":[\"a\",1]",
                                  "\"headers\":[1,\"a\"]"}) {
    INFO(field);
    CHECK(absl::IsInvalidArgument(ParseJson("{\"payload\":\"v\"," + field + "}").status()));
  }
}

TEST_CASE(
    "The first and the last time that there are can be given, and null is as good as absent") {
  const auto parsed = [](const std::string& fields) {
    return ParseJson("{\"payload\":\"v\"," + fields + "}").value();
  };
  using std::chrono::nanoseconds;
  const auto nanos = [&](const std::string& fields) {
    return parsed(fields).timestamp.value().time_since_epoch();
  };
  CHECK(nanos("\"ts\":9223372036854") == nanoseconds(9'223'372'036'854'000'000));
  CHECK(nanos("\"ts\":-9223372036854") == nanoseconds(-9'223'372'036'854'000'000));
  CHECK(nanos("\"ts_ns\":9223372036854775807") == nanoseconds::max());
  CHECK(nanos("\"ts_ns\":-9223372036854775808") == nanoseconds::min());
  CHECK(nanos("\"ts\":1,\"ts_ns\":1999999") == nanoseconds(1'999'999));
  CHECK(nanos("\"ts\":-1,\"ts_ns\":-1") == nanoseconds(-1));
  RecordView last = ExampleRecord();
  for (const nanoseconds time : {nanoseconds::max(), nanoseconds::min(), nanoseconds(-1)}) {
    last.timestamp = Timestamp(time);
    std::string line;
    AppendJson(last, TimestampType::kCreateTime, &line);
    CHECK(ParseJson(line).value().timestamp == last.timestamp);
  }
  const OwnedRecord none =
      parsed("\"ts\":null,\"ts_ns\":null,\"partition\":null,\"headers\":null,\"key\":null");
  CHECK_FALSE(none.timestamp.has_value());
  CHECK_FALSE(none.partition.has_value());
  CHECK(none.headers.empty());
}

TEST_CASE("produce -J stops at what it cannot take, with the number of the line") {
  CommandFixture daybook;
  daybook.Output("topic create t --partitions 2");
  const std::string good = "{\"payload\":\"a\",\"partition\":1,\"ts\":5}\n";
  for (const std::string field :
       {"\"ts\":9223372036855", "\"ts\":1.5", "\"ts\":\"5\"", "\"partition\":\"1\""}) {
    INFO(field);
    const auto result =
        daybook.Run("produce t -J", good + "{\"payload\":\"b\"," + field + "}\n" + good);
    CHECK(result.status == 1);
    CHECK(result.error.find("line 2: " + field.substr(1, field.find(':') - 2) + " is") !=
          std::string::npos);
  }
  CHECK(daybook.Output("consume t -e -f '%p %s %T\n'") == "1 a 5\n1 a 5\n1 a 5\n1 a 5\n");
}

}  // namespace daybook::tools
