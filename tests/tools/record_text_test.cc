#include "tools/record_text.h"

#include "catch.h"

namespace daybook::tools {
namespace {

RecordView Example() {
  RecordView record;
  record.topic = "orders";
  record.partition = 3;
  record.offset = Offset(42);
  record.timestamp = Timestamp(std::chrono::milliseconds(1'700'000'000'123));
  record.key = "key";
  record.value = "value";
  return record;
}

std::string Formatted(std::string_view format, const RecordView& record) {
  std::string out;
  AppendFormatted(format, record, &out);
  return out;
}

}  // namespace

TEST_CASE("Every letter of a format stands for what kcat says") {
  CHECK(Formatted("%t [%p] at %o: %k(%K)=%s(%S) %T%%\\n\\t", Example()) ==
        "orders [3] at 42: key(3)=value(5) 1700000000123%\n\t");
  RecordView bare = Example();
  bare.key.reset();
  bare.is_tombstone = true;
  bare.value = "";
  CHECK(Formatted("%K %S|%k%s|", bare) == "-1 -1||");
}

TEST_CASE("A letter that there is not is refused with those that there are") {
  CHECK(CheckFormat("%t%p%o%k%K%s%S%T%h%%").ok());
  CHECK(absl::IsInvalidArgument(CheckFormat("%x")));
  CHECK(absl::IsInvalidArgument(CheckFormat("100%")));
}

TEST_CASE("A record survives JSON whatever its bytes are") {
  RecordView record = Example();
  const std::string binary = "\xff\x00\x80";
  record.key = binary;
  std::string line;
  AppendJson(record, &line);
  const auto parsed = ParseJson(line);
  REQUIRE(parsed.ok());
  CHECK(parsed->key == binary);
  CHECK(parsed->value == "value");
  CHECK(parsed->timestamp == record.timestamp);
  CHECK(parsed->partition == 3);
}

TEST_CASE("Absent key and value stay absent through JSON") {
  RecordView record = Example();
  record.key.reset();
  record.is_tombstone = true;
  std::string line;
  AppendJson(record, &line);
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

}  // namespace daybook::tools
