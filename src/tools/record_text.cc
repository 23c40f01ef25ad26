#include "tools/record_text.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace daybook::tools {
namespace {

using nlohmann::json;

std::int64_t MillisOf(Timestamp timestamp) {
  return std::chrono::floor<std::chrono::milliseconds>(timestamp).time_since_epoch().count();
}

std::optional<std::string_view> ValueOf(const RecordView& record) {
  return record.is_tombstone ? std::nullopt : std::optional(record.value);
}

void AppendHeaders(const RecordView& record, std::string* out) {
  bool is_first = true;
  for (const Header& header : record.headers) {
    if (!is_first) *out += ',';
    is_first = false;
    absl::StrAppend(out, std::string(header.name), "=", std::string(header.value.value_or("")));
  }
}

// Whether nlohmann's writer takes it as text.
bool IsUtf8(std::string_view text) {
  const json quoted = std::string(text);
  try {
    (void)quoted.dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
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

}  // namespace

absl::Status CheckFormat(std::string_view format) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    const char letter = ++i < format.size() ? format[i] : '\0';
    if (std::string_view("tpokKsSTh%").find(letter) == std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat("the format has %", std::string(1, letter),
                                                     "; there are %t %p %o %k %K %s %S %T %h %%"));
    }
  }
  return absl::OkStatus();
}

void AppendFormatted(std::string_view format, const RecordView& record, std::string* out) {
  const auto length = [](std::optional<std::string_view> text) {
    return text ? static_cast<std::int64_t>(text->size()) : -1;
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if ((c != '%' && c != '\\') || i + 1 == format.size()) {
      *out += c;
      continue;
    }
    const char letter = format[++i];
    if (c == '\\') {
      *out += letter == 'n' ? '\n' : letter == 't' ? '\t' : letter == 'r' ? '\r' : letter;
      continue;
    }
    switch (letter) {
      case 't':
        *out += record.topic;
        break;
      case 'p':
        absl::StrAppend(out, record.partition);
        break;
      case 'o':
        absl::StrAppend(out, record.offset.value());
        break;
      case 'k':
        *out += record.key.value_or("");
        break;
      case 'K':
        absl::StrAppend(out, length(record.key));
        break;
      case 's':
        *out += record.value;
        break;
      case 'S':
        absl::StrAppend(out, length(ValueOf(record)));
        break;
      case 'T':
        absl::StrAppend(out, MillisOf(record.timestamp));
        break;
      case 'h':
        AppendHeaders(record, out);
        break;
      default:
        *out += letter;
    }
  }
}

void AppendJson(const RecordView& record, std::string* out) {
  json headers = json::array();
  for (const Header& header : record.headers) {
    headers.push_back(ToJson(header.name));
    headers.push_back(ToJson(header.value));
  }
  const json line = {{"topic", std::string(record.topic)},
                     {"partition", record.partition},
                     {"offset", record.offset.value()},
                     {"tstype", "create"},
                     {"ts", MillisOf(record.timestamp)},
                     {"ts_ns", record.timestamp.time_since_epoch().count()},
                     {"headers", headers},
                     {"key", ToJson(record.key)},
                     {"payload", ToJson(ValueOf(record))}};
  *out += line.dump();
  *out += '\n';
}

absl::StatusOr<OwnedRecord> ParseJson(std::string_view line) {
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
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

  const json headers = object.value("headers", json::array());
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
  if (const auto nanos = object.find("ts_ns");
      nanos != object.end() && nanos->is_number_integer()) {
    record.timestamp = Timestamp(std::chrono::nanoseconds(nanos->get<std::int64_t>()));
  } else if (const auto millis = object.find("ts");
             millis != object.end() && millis->is_number_integer()) {
    record.timestamp = Timestamp(std::chrono::milliseconds(millis->get<std::int64_t>()));
  }
  if (const auto partition = object.find("partition");
      partition != object.end() && partition->is_number_integer()) {
    const auto number = partition->get<std::int64_t>();
    if (number < 0 || number > std::numeric_limits<int>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no partition ", number));
    }
    record.partition = static_cast<int>(number);
  }
  return record;
}

}  // namespace daybook::tools
