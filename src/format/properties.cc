#include "format/properties.h"

#include <span>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/checksum.h"
#include "daybook/format/frame.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

constexpr std::string_view kTitle = "# Daybook\n";
constexpr std::string_view kChecksumKey = "checksum=";
constexpr std::string_view kVersionKey = "format.version";

std::string ChecksumLine(std::string_view text) {
  return absl::StrFormat("checksum=%016x\n", Hash64(std::as_bytes(std::span(text))));
}

}  // namespace

std::string EncodeProperties(const Properties& properties) {
  std::string text =
      absl::StrCat(std::string(kTitle), std::string(kVersionKey), "=", frame::kFormatVersion, "\n");
  for (const auto& [key, value] : properties) absl::StrAppend(&text, key, "=", value, "\n");
  return text + ChecksumLine(text);
}

absl::StatusOr<Properties> DecodeProperties(std::string_view text) {
  Properties properties;
  const std::size_t checksum_at = text.rfind(kChecksumKey);
  if (text.substr(0, kTitle.size()) != kTitle || checksum_at == std::string_view::npos ||
      text[checksum_at - 1] != '\n') {
    return absl::DataLossError("it is not a properties file of Daybook");
  }
  const std::string body(text.substr(kTitle.size(), checksum_at - kTitle.size()));
  const std::vector<std::string> lines = absl::StrSplit(body, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      return absl::DataLossError(absl::StrCat("the line \"", line, "\" is not key=value"));
    }
    properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  const auto version = properties.extract(std::string(kVersionKey));
  std::uint32_t number = 0;
  if (!version || !absl::SimpleAtoi(version.mapped(), &number) || number == 0) {
    return absl::DataLossError("it has no format version");
  }
  // Before the checksum: a later version may compute another one.
  if (number > frame::kFormatVersion) return frame::OtherVersion(number);
  if (text.substr(checksum_at) != ChecksumLine(text.substr(0, checksum_at))) {
    return absl::DataLossError("its checksum is wrong: it was damaged, or edited by hand");
  }
  if (number < frame::kFormatVersion) return frame::OtherVersion(number);
  return properties;
}

absl::Status CheckPropertiesVersion(std::string_view text) {
  const absl::Status status = DecodeProperties(text).status();
  const std::size_t checksum_at = text.rfind(kChecksumKey);
  const bool is_of_other_version =
      absl::IsFailedPrecondition(status) &&
      text.substr(checksum_at) == ChecksumLine(text.substr(0, checksum_at));
  return is_of_other_version ? status : absl::OkStatus();
}

}  // namespace daybook::inline v1
