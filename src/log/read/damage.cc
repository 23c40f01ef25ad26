#include "log/read/damage.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace daybook::inline v1 {
namespace {

constexpr char kPayload[] = "daybook/damaged-range";

}  // namespace

absl::Status DamageError(const DamagedRange& range, std::string_view message) {
  return WithRange(absl::DataLossError(std::string(message)), range);
}

absl::Status WithRange(absl::Status status, const DamagedRange& range) {
  // No name of a topic has a newline in it.
  status.SetPayload(
      kPayload, absl::Cord(absl::StrCat(range.topic, "\n", range.partition, "\n",
                                        range.begin_offset.value(), "\n", range.end_offset.value(),
                                        "\n", range.may_hold_records ? 1 : 0)));
  return status;
}

std::optional<DamagedRange> DamageOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> fields = absl::StrSplit(text, '\n');
  DamagedRange range;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  if (fields.size() != 5 || (fields[4] != "0" && fields[4] != "1") ||
      !absl::SimpleAtoi(fields[1], &range.partition) || !absl::SimpleAtoi(fields[2], &begin) ||
      !absl::SimpleAtoi(fields[3], &end)) {
    return std::nullopt;
  }
  range.topic = fields[0];
  range.begin_offset = Offset(begin);
  range.end_offset = Offset(end);
  range.may_hold_records = fields[4] == "1";
  return range;
}

}  // namespace daybook::inline v1
