#ifndef DAYBOOK_TOOLS_COMMANDS_START_OFFSET_H_
#define DAYBOOK_TOOLS_COMMANDS_START_OFFSET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daybook/partition.h"

namespace daybook::tools {

// Where to begin in each partition, with kcat's words: beginning; end; N, an offset; -N, so many
// before the end; s@T, the first record with a timestamp (%T) of T or later (milliseconds since
// 1970).
struct StartOffset {
  enum class Kind { kBeginning, kEnd, kOffset, kBeforeEnd, kTime };
  Kind kind = Kind::kBeginning;
  std::int64_t number = 0;
};

// InvalidArgument with what there is.
absl::StatusOr<StartOffset> ParseStartOffset(std::string_view text);

// The offset meant, within the partition's range.
absl::StatusOr<Offset> Resolve(const StartOffset& start, Partition& partition);

// From where to where each partition is read.
struct OffsetRange {
  StartOffset start;
  std::optional<StartOffset> end;  // e@T: before the first record of time T
};

// One start, or none for the beginning, and one end, or none, in any order. InvalidArgument.
absl::StatusOr<OffsetRange> ParseOffsetRange(const std::vector<std::string>& texts);

}  // namespace daybook::tools

#endif  // DAYBOOK_TOOLS_COMMANDS_START_OFFSET_H_
