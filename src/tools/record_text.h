#ifndef DAYBOOK_TOOLS_RECORD_TEXT_H_
#define DAYBOOK_TOOLS_RECORD_TEXT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/record.h"

namespace daybook::tools {

// Appends `record` to `out` as `format` says, which has kcat's letters: %t topic, %p partition, %o
// offset, %k key, %K its length (-1: none), %s value, %S its length (-1: none), %T timestamp in
// milliseconds, %h headers, %% a per cent sign; and the escapes \n \t \r \\.
void AppendFormatted(std::string_view format, const RecordView& record, std::string* out);

// InvalidArgument if `format` has a letter that is not one of these.
absl::Status CheckFormat(std::string_view format);

// Appends `record` as one line of JSON with kcat's names: topic, partition, offset, tstype, ts
// (milliseconds), headers (name, value, name, value, ...), key, payload; and ts_ns, the timestamp
// in nanoseconds. Absent keys, payloads and header values are null. Bytes that are no UTF-8 stand
// as an object {"base64": "..."} in the place of the text.
void AppendJson(const RecordView& record, std::string* out);

// A record that owns its bytes, so that it can outlive the line that it came from.
struct OwnedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<Timestamp> timestamp;
  std::optional<int> partition;
};

// Takes back what AppendJson gives: key, payload, headers, timestamp, partition.
// InvalidArgument when it is not that.
absl::StatusOr<OwnedRecord> ParseJson(std::string_view line);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_RECORD_TEXT_H_
