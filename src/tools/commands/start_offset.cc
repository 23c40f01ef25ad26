#include "tools/commands/start_offset.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"

namespace daybook::tools {

absl::StatusOr<StartOffset> ParseStartOffset(std::string_view text) {
  using Kind = StartOffset::Kind;
  if (text == "beginning") return StartOffset{Kind::kBeginning, 0};
  if (text == "end") return StartOffset{Kind::kEnd, 0};
  std::string_view digits = text;
  Kind kind = Kind::kOffset;
  if (text.substr(0, 2) == "s@") {
    kind = Kind::kTime;
    digits.remove_prefix(2);
  } else if (text.substr(0, 1) == "-") {
    kind = Kind::kBeforeEnd;
    digits.remove_prefix(1);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      number < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("-o ", std::string(text),
                     ": use beginning, end, an offset, -N for the last N records, s@T for those "
                     "since T milliseconds, or e@T for those before"));
  }
  return StartOffset{kind, number};
}

absl::StatusOr<OffsetRange> ParseOffsetRange(const std::vector<std::string>& texts) {
  OffsetRange range;
  std::optional<StartOffset> start;
  for (const std::string& text : texts) {
    const bool is_end = text.starts_with("e@");
    auto parsed = ParseStartOffset(is_end ? "s@" + text.substr(2) : text);
    if (!parsed.ok()) return parsed.status();
    std::optional<StartOffset>& place = is_end ? range.end : start;
    if (place) {
      return absl::InvalidArgumentError(
          absl::StrCat("-o ", text, ": there is another ", is_end ? "end" : "start"));
    }
    place = *parsed;
  }
  range.start = start.value_or(StartOffset{});
  return range;
}

absl::StatusOr<Offset> Resolve(const StartOffset& start, Partition& partition) {
  const auto begin = partition.begin_offset();
  if (!begin.ok()) return begin;
  const auto end = partition.end_offset();
  if (!end.ok()) return end;
  switch (start.kind) {
    case StartOffset::Kind::kBeginning:
      return begin;
    case StartOffset::Kind::kEnd:
      return end;
    case StartOffset::Kind::kOffset:
      return std::clamp(Offset(start.number), *begin, *end);
    case StartOffset::Kind::kBeforeEnd:
      return std::max(*begin, *end + -std::min(start.number, end->value()));
    case StartOffset::Kind::kTime:
      // Nanoseconds end in the year 2262.
      return partition.OffsetForTime(Timestamp(std::min(
          std::chrono::milliseconds(start.number),
          std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds::max()))));
  }
  return begin;
}

}  // namespace daybook::tools
