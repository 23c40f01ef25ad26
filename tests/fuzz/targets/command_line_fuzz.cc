#include <string>

#include "fuzz/fuzz_target.h"
#include "fuzz/segment_input.h"
#include "tools/commands/start_offset.h"
#include "tools/text/escapes.h"
#include "tools/text/record_format.h"
#include "tools/text/record_json.h"

// What the command line takes from others: JSON lines, formats and start offsets. The first byte
// chooses.

namespace daybook::fuzz {
namespace {

RecordView ViewOf(const tools::OwnedRecord& record) {
  RecordView view;
  view.topic = "t";
  view.key = record.key;
  view.value = record.value;
  if (record.timestamp) view.timestamp = *record.timestamp;
  return view;
}

void CheckJson(std::string_view line) {
  const auto record = tools::ParseJson(line);
  if (!record.ok()) {
    Expect(absl::IsInvalidArgument(record.status()), "a bad line is an invalid argument");
    return;
  }
  std::string text;
  tools::AppendJson(ViewOf(*record), TimestampType::kCreateTime, &text);
  const auto again = tools::ParseJson(text);
  ExpectOk(again.status(), "a line is not read back");
  Expect(again->key == record->key && again->value == record->value &&
             again->timestamp.value() == record->timestamp.value_or(Timestamp()),
         "a record changes when it is written as JSON");
  const auto format = tools::RecordFormat::Parse("%t %p %o %k %K %s %S %R %T %h %%\\n");
  ExpectOk(format.status(), "the format of everything is refused");
  format->Append(ViewOf(*record), &text);
}

void CheckFormat(Choices choices) {
  const std::string_view format = choices.Text(choices.Byte());
  const std::string_view value = TextOf(choices.rest());
  const auto parsed = tools::RecordFormat::Parse(format);
  Expect(parsed.ok() || absl::IsInvalidArgument(parsed.status()),
         "a bad format is an invalid argument");
  const auto decoded = tools::DecodeEscapes(format);
  Expect(
      decoded.ok() ? decoded->size() <= format.size() : absl::IsInvalidArgument(decoded.status()),
      "escapes become no longer");
  RecordView view;
  view.key = format;
  view.value = value;
  std::string text;
  if (parsed.ok()) parsed->Append(view, &text);
  // Bytes that are no text come back, too.
  std::string line;
  tools::AppendJson(view, TimestampType::kLogAppendTime, &line);
  Expect(line.find('\n') == line.size() - 1, "a record is not one line");
  const auto record = tools::ParseJson(line);
  ExpectOk(record.status(), "a line is not read back");
  Expect(record->key == format && record->value == value, "a record changes as JSON");
}

void CheckStart(std::string_view text) {
  const auto start = tools::ParseStartOffset(text);
  if (!start.ok()) {
    Expect(absl::IsInvalidArgument(start.status()), "a bad offset is an invalid argument");
    return;
  }
  Expect(start->number >= 0, "an offset is negative");
}

}  // namespace

void FuzzCommandLine(Input input) {
  Choices choices(input);
  switch (choices.Pick(3)) {
    case 0:
      return CheckJson(TextOf(choices.rest()));
    case 1:
      return CheckFormat(choices);
    default:
      return CheckStart(TextOf(choices.rest()));
  }
}

}  // namespace daybook::fuzz
