#include "daybook/record.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <ranges>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "daybook/transaction.h"
#include "support/broker_fixture.h"

namespace daybook {
namespace {

// A value, an empty one, and none, each with headers and a time, and a plain record.
std::vector<Record> SomeOfEach() {
  static const Header headers[] = {{"trace", "7"}, {"empty", ""}, {"none", std::nullopt}};
  const Timestamp when(std::chrono::seconds(123));
  return {{.key = "k", .value = "v", .headers = headers, .timestamp = when},
          {.key = "k", .value = "", .headers = headers},
          {.key = "k", .timestamp = when},
          {.key = "", .value = std::nullopt, .headers = headers},
          {.value = "plain"}};
}

std::string Text(const RecordView& record) {
  std::ostringstream text;
  text << record.key.value_or("(none)") << '=' << (record.value ? record.value : "(none)");
  for (const Header& header : record.headers) {
    text << ' ' << header.name << ':' << header.value.value_or("(none)");
  }
  text << " @" << record.timestamp.time_since_epoch().count();
  return text.str();
}

std::vector<std::string> Texts(Broker& broker, std::string_view topic) {
  const auto batch = broker.OpenTopic(topic)->partition(0).Read(Offset(0)).value();
  std::vector<std::string> texts;
  for (const RecordView& record : batch) texts.push_back(Text(record));
  return texts;
}

}  // namespace

TEST_CASE("What is forwarded part by part, or whole, is the same, tombstones too") {
  BrokerFixture broker;
  for (const char* name : {"from", "parts", "whole", "batch", "transaction", "packed"}) {
    broker.MakeTopic(name, {.compression = name == std::string("packed") ? Compression::kZstd
                                                                         : Compression::kNone});
  }
  const std::vector<Record> records = SomeOfEach();
  for (const Record& record : records) {
    REQUIRE(broker->OpenTopic("from")->partition(0).Append(record).ok());
  }
  REQUIRE(broker->OpenTopic("packed")->partition(0).AppendBatch(records).ok());
  const auto from = broker->OpenTopic("from")->partition(0).Read(Offset(0)).value();
  Producer producer(*broker);
  std::vector<Record> all;
  auto transaction = Transaction::Begin(*broker).value();
  for (const RecordView& record : from) {
    REQUIRE(producer
                .Send("parts", {.key = record.key,
                                .value = record.value,
                                .headers = record.headers,
                                .timestamp = record.timestamp})
                .ok());
    REQUIRE(producer.Send("whole", record.ToRecord()).ok());
    REQUIRE(transaction.Send("transaction", record.ToRecord()).ok());
    all.push_back(record.ToRecord());
  }
  REQUIRE(broker->OpenTopic("batch")->partition(0).AppendBatch(all).ok());
  REQUIRE(transaction.Commit().ok());
  const std::vector<std::string> expected = Texts(*broker, "from");
  REQUIRE(expected.size() == records.size());
  CHECK(expected[0] == "k=v trace:7 empty: none:(none) @123000000000");
  CHECK(expected[2].substr(0, 8) == "k=(none)");
  for (const char* name : {"parts", "whole", "batch", "transaction"}) {
    INFO(name);
    CHECK(Texts(*broker, name) == expected);
  }
  CHECK(Texts(*broker, "packed")[2] == expected[2]);
}

TEST_CASE("A value is a std::string_view that knows whether it is there") {
  const RecordView tombstone;
  CHECK(tombstone.is_tombstone());
  CHECK_FALSE(tombstone.value);
  CHECK(tombstone.value.empty());
  CHECK(tombstone.value == std::nullopt);
  CHECK_FALSE(tombstone.value == "");
  CHECK(tombstone.value.value_or("none") == "none");
  CHECK_FALSE(tombstone.value.ToOptional().has_value());
  Record record{.value = "something"};
  record.value = tombstone.value;
  CHECK_FALSE(record.value.has_value());

  const std::string nothing;
  for (const Record& empty : {Record{.value = ""}, Record{.value = std::string_view()},
                              Record{.value = nothing}, Record{.value = std::optional("")}}) {
    CHECK(empty.value.has_value());
    CHECK(empty.value == "");
    CHECK(empty.value != tombstone.value);
    CHECK(empty.value->empty());
  }
  const std::string text = "text";
  const RecordValue value = text;
  CHECK(value == text);
  CHECK("text" == value);
  CHECK(value == std::optional<std::string>(text));
  CHECK_FALSE(value == std::optional<std::string>());
  CHECK(RecordValue(std::optional<std::string>()) == std::nullopt);
  CHECK(value.substr(1) == "ext");
  const std::string_view view = value;
  CHECK(view == "text");
  std::ostringstream out;
  out << value << '\n';
  CHECK(out.str() == "text\n");
}

TEST_CASE("Headers are given from an array, a vector or a record, and none are empty") {
  CHECK(RecordHeaders().empty());
  CHECK(RecordHeaders().begin() == RecordHeaders().end());
  CHECK(RecordHeaders(HeadersView()).empty());
  CHECK(RecordHeaders(HeadersView()).begin() == RecordHeaders(HeadersView()).end());
  const std::vector<Header> some = {{"a", "1"}, {"b", std::nullopt}};
  std::vector<std::string> names;
  const Record record{.headers = some};
  for (const Header& header : record.headers) names.emplace_back(header.name);
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(Record{.headers = {}}.headers.empty());
  Record none = record;
  none.headers = RecordHeaders();
  CHECK(none.headers.empty());
  const Record one{.headers = {&some[1], 1}};
  CHECK((*one.headers.begin()).name == "b");
}

TEST_CASE(
    "Headers in braces, and temporary texts, live as long as the call that they are given to") {
  BrokerFixture broker;
  broker.MakeTopic("t");
  Producer producer(*broker);
  const std::string name = "number";
  const std::string number(100, '7');
  REQUIRE(producer
              .Send("t", {.key = number + "1",
                          .value = number + "2",
                          .headers = {{"trace", "7"}, {name, number}, {"none", std::nullopt}}})
              .ok());
  REQUIRE(producer.Send("t", {.value = "v", .headers = {{"one", "1"}}}).ok());
  const auto batch = broker->OpenTopic("t")->partition(0).Read(Offset(0)).value();
  const std::vector<RecordView> views(batch.begin(), batch.end());
  REQUIRE(views.size() == 2);
  CHECK(views[0].key == number + "1");
  CHECK(views[0].value == number + "2");
  CHECK(views[0].headers.Last("trace") == "7");
  CHECK(views[0].headers.Last("number") == number);
  CHECK_FALSE(views[0].headers.Last("none").has_value());
  CHECK(std::ranges::distance(views[0].headers) == 3);
  CHECK(std::ranges::distance(views[1].headers) == 1);
}

TEST_CASE("Keys, values and the values of headers are made from bytes, too") {
  const std::vector<std::byte> bytes = {std::byte{'a'}, std::byte{0}, std::byte{0xff}};
  const std::string_view text("a\0\xff", 3);
  const std::span<const std::byte> span = bytes;
  const std::array<std::byte, 3> array = {bytes[0], bytes[1], bytes[2]};
  const Header header{"h", span};
  const Record record{.key = span, .value = bytes, .headers = {&header, 1}};
  CHECK(record.key == text);
  CHECK(record.value == text);
  CHECK(header.value == text);
  CHECK(RecordValue(array) == text);
  CHECK(RecordKey(std::optional(span)) == text);
  CHECK(RecordValue(std::optional(span)) == text);
  CHECK(RecordValue(std::span<const std::byte>()).has_value());
  CHECK(RecordKey(std::span<const std::byte>()).has_value());
  CHECK_FALSE(RecordValue(std::optional<std::span<const std::byte>>()).has_value());
}

TEST_CASE("A key is a std::optional<std::string_view>, and none stays none") {
  CHECK_FALSE(RecordKey().has_value());
  CHECK(RecordKey() == std::nullopt);
  CHECK(RecordKey("").has_value());
  CHECK(RecordKey(RecordValue()) == std::nullopt);
  CHECK(RecordKey(RecordValue("v")) == "v");
  CHECK(RecordKey(std::optional<std::string>()) == std::nullopt);
  const std::optional<std::string_view> none;
  const std::optional<std::string_view> some = "k";
  CHECK(RecordKey(none) == none);
  CHECK(none == RecordKey(none));
  CHECK_FALSE(RecordKey("") == none);
  CHECK_FALSE(none == RecordKey(""));
  CHECK(RecordKey(some) == some);
  CHECK(some == RecordKey("k"));
  CHECK(RecordKey("k") == RecordKey(some));
  CHECK(RecordKey("k") != RecordKey());
  CHECK("k" == RecordKey(some));
  const std::optional<std::string_view> back = RecordKey(none);
  CHECK_FALSE(back.has_value());
  const HeaderValue no_value;
  CHECK(no_value == HeaderValue(none));
  CHECK(no_value == none);
  CHECK(none == no_value);
  CHECK(HeaderValue("k") == some);
  CHECK(HeaderValue("k") == "k");
  CHECK(HeaderValue("") != no_value);
  RecordKey key = some;
  key = none;
  CHECK_FALSE(key.has_value());
  key = "other";
  CHECK(key->size() == 5);
}

}  // namespace daybook
