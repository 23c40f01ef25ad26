#ifndef DAYBOOK_TOOLS_TEXT_RECORD_JSON_H_
#define DAYBOOK_TOOLS_TEXT_RECORD_JSON_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/record.h"
#include "daybook/system/clock.h"

namespace daybook::tools {

// Appends `record` as one line of JSON with kcat's names: topic, partition, offset, tstype, ts
// (milliseconds), headers (name, value, name, value, ...), key, payload; and ts_ns, the timestamp
// in nanoseconds. Absent keys, payloads and header values are null. Bytes that are no UTF-8 stand
// as an object {"base64": "..."} in the place of the text. `type`: message.timestamp.type of the
// topic, "create" or "logappend".
void AppendJson(const RecordView& record, TimestampType type, std::string* out);

// A record that owns its bytes, so that it can outlive the line that it came from.
struct OwnedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<Timestamp> timestamp;
  std::optional<int> partition;
};

// Takes back what AppendJson gives: key, payload, headers, ts or ts_ns, partition; null is as good
// as absent, but for the payload. InvalidArgument when it is not that: nothing that is there and
// cannot be taken as it stands is passed over.
absl::StatusOr<OwnedRecord> ParseJson(std::string_view line);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_TEXT_RECORD_JSON_H_
