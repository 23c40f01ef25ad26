#include "tools/text/record_format.h"

#include "catch.h"
#include "support/command_fixture.h"
#include "support/example_record.h"

namespace daybook::tools {
namespace {

RecordView Bare() {
  RecordView record = ExampleRecord();
  record.key.reset();
  record.value = std::nullopt;
  return record;
}

std::string Formatted(std::string_view format, const RecordView& record) {
  std::string out;
  RecordFormat::Parse(format).value().Append(record, &out);
  return out;
}

}  // namespace

TEST_CASE("Every letter of a format stands for what kcat says") {
  CHECK(Formatted("%t [%p] at %o: %k(%K)=%s(%S) %T%%\\n\\t", ExampleRecord()) ==
        "orders [3] at 42: key(3)=value(5) 1700000000123%\n\t");
  CHECK(Formatted("%K %S|%k%s|", Bare()) == "-1 -1||");
  CHECK(Formatted("%R", ExampleRecord()) == std::string("\0\0\0\5", 4));
  CHECK(Formatted("%R", Bare()) == "\xff\xff\xff\xff");
}

TEST_CASE("Escapes stand for bytes, and never for a letter of a format") {
  CHECK(Formatted("\\x41\\x0a%s\\\\n", ExampleRecord()) == "A\nvalue\\n");
  CHECK(Formatted("\\x25s%%s", ExampleRecord()) == "%s%s");
}

TEST_CASE("What is absent is printed as it is told to") {
  RecordFormat format = RecordFormat::Parse("%k=%s %K %S").value();
  format.SetNull("NULL");
  std::string out;
  format.Append(Bare(), &out);
  CHECK(out == "NULL=NULL -1 -1");
  RecordView empty = ExampleRecord();
  empty.key = "";
  empty.value = "";
  out.clear();
  format.Append(empty, &out);
  CHECK(out == "= 0 0");
}

TEST_CASE("A letter that there is not is refused with those that there are") {
  CHECK(RecordFormat::Parse("%t%p%o%k%K%s%S%R%T%h%%").ok());
  for (const std::string_view bad : {"%", "100%", "%s%", "%x", "%\\n", "\\x", "%s\\"}) {
    INFO(bad);
    CHECK(absl::IsInvalidArgument(RecordFormat::Parse(bad).status()));
  }
}

TEST_CASE("Consume prints in the format that it is given, or refuses it") {
  CommandFixture daybook;
  daybook.Output("topic create t");
  daybook.Output("produce t -J", "{\"payload\":null}\n{\"key\":\"k\",\"payload\":\"v\"}\n");
  CHECK(daybook.Output("consume t -e -f '\\x41%k\\t%s\\n'") == "A\t\nAk\tv\n");
  CHECK(daybook.Output("consume t -e -Z -f '%k %s\\n'") == "NULL NULL\nk v\n");
  CHECK(daybook.Output("consume t -e -Z") == "NULL\nv\n");
  const auto refused = daybook.Run("consume t -e -f '%'");
  CHECK(refused.status == 2);
  CHECK(refused.out.empty());
  CHECK(refused.error.find("ends in %") != std::string::npos);
}

}  // namespace daybook::tools
