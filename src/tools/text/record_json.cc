#include "tools/text/record_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tools/text/bytes.h"
#include "tools/text/json_line.h"

namespace daybook::tools {
namespace {

using nlohmann::json;

std::int64_t MillisOf(Timestamp timestamp) {
  return std::chrono::floor<std::chrono::milliseconds>(timestamp).time_since_epoch().count();
}

std::optional<std::string_view> ValueOf(const RecordView& record) {
  return record.value.ToOptional();
}

json ToJson(std::optional<std::string_view> bytes) {
  if (!bytes) return nullptr;
  if (IsUtf8(*bytes)) return std::string(*bytes);
  return {{"base64", absl::Base64Escape(std::string(*bytes))}};
}

absl::StatusOr<std::optional<std::string>> BytesOf(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return std::optional<std::string>();
  if (found->is_string()) return std::optional(found->get<std::string>());
  std::string bytes;
  if (found->is_object() && found->size() == 1 && found->contains("base64") &&
      (*found)["base64"].is_string() &&
      absl::Base64Unescape((*found)["base64"].get<std::string>(), &bytes)) {
    return std::optional(bytes);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is neither text nor null nor {\"base64\": ...}"));
}

absl::StatusOr<std::optional<std::int64_t>> WholeNumber(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return std::optional<std::int64_t>();
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<std::uint64_t>() > kMost)) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is ", found->dump().substr(0, 100),
                                                   "; it must be a whole number of 64 bits"));
  }
  return std::optional(found->get<std::int64_t>());
}

// By ts_ns, or by ts, which is less exact.
absl::StatusOr<std::optional<Timestamp>> TimestampOf(const json& object) {
  using std::chrono::floor;
  using std::chrono::milliseconds;
  using std::chrono::nanoseconds;
  const auto millis = WholeNumber(object, "ts");
  if (!millis.ok()) return millis.status();
  const auto nanos = WholeNumber(object, "ts_ns");
  if (!nanos.ok()) return nanos.status();
  // Nanoseconds of 64 bits go from the year 1677 to 2262.
  constexpr std::int64_t kMost = floor<milliseconds>(nanoseconds::max()).count();
  if (!*nanos) {
    if (!*millis) return std::optional<Timestamp>();
    if (**millis > kMost || **millis < -kMost) {
      return absl::InvalidArgumentError(
          absl::StrCat("ts is ", **millis, "; it must be from ", -kMost, " to ", kMost));
    }
    return std::optional(Timestamp(milliseconds(**millis)));
  }
  const Timestamp timestamp{nanoseconds(**nanos)};
  if (*millis && MillisOf(timestamp) != **millis) {
    return absl::InvalidArgumentError(absl::StrCat("ts is ", **millis, " and ts_ns ", **nanos,
                                                   ", which is another time; leave one out"));
  }
  return std::optional(timestamp);
}

}  // namespace

void AppendJson(const RecordView& record, TimestampType type, std::string* out) {
  json headers = json::array();
  for (const Header& header : record.headers) {
    headers.push_back(ToJson(header.name));
    headers.push_back(ToJson(header.value));
  }
  const json line = {{"topic", std::string(record.topic)},
                     {"partition", record.partition},
                     {"offset", record.offset.value()},
                     {"tstype", type == TimestampType::kCreateTime ? "create" : "logappend"},
                     {"ts", MillisOf(record.timestamp)},
                     {"ts_ns", record.timestamp.time_since_epoch().count()},
                     {"headers", headers},
                     {"key", ToJson(record.key)},
                     {"payload", ToJson(ValueOf(record))}};
  *out += line.dump();
  *out += '\n';
}

absl::StatusOr<OwnedRecord> ParseJson(std::string_view line) {
  const auto parsed = ParseJsonObject(line);
  if (!parsed.ok()) return parsed.status();
  const json& object = *parsed;
  if (object.find("payload") == object.end()) {
    return absl::InvalidArgumentError("it has no payload; a tombstone has \"payload\": null");
  }
  OwnedRecord record;
  auto key = BytesOf(object, "key");
  if (!key.ok()) return key.status();
  record.key = *std::move(key);
  auto value = BytesOf(object, "payload");
  if (!value.ok()) return value.status();
  record.value = *std::move(value);

  json headers = object.value("headers", json::array());
  if (headers.is_null()) headers = json::array();
  if (!headers.is_array() || headers.size() % 2 != 0) {
    return absl::InvalidArgumentError("headers is not an array of names and values");
  }
  for (std::size_t i = 0; i < headers.size(); i += 2) {
    const json pair = {{"name", headers[i]}, {"value", headers[i + 1]}};
    auto name = BytesOf(pair, "name");
    auto header_value = BytesOf(pair, "value");
    if (!name.ok()) return name.status();
    if (!header_value.ok()) return header_value.status();
    if (!name->has_value()) return absl::InvalidArgumentError("a header has no name");
    record.headers.emplace_back(**name, *header_value);
  }
  auto timestamp = TimestampOf(object);
  if (!timestamp.ok()) return timestamp.status();
  record.timestamp = *timestamp;
  const auto partition = WholeNumber(object, "partition");
  if (!partition.ok()) return partition.status();
  if (*partition) {
    if (**partition < 0 || **partition > std::numeric_limits<int>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no partition ", **partition));
    }
    record.partition = static_cast<int>(**partition);
  }
  return record;
}

}  // namespace daybook::tools
