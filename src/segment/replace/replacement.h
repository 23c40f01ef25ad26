#ifndef DAYBOOK_SEGMENT_REPLACE_REPLACEMENT_H_
#define DAYBOOK_SEGMENT_REPLACE_REPLACEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

// One segment that takes, or has taken, the place of all those with a base offset in [begin, end).
// Its base offset is `begin`, and it holds all offsets up to `end`, be it as padding.
struct Replacement {
  Offset begin;
  Offset end;
  std::uint64_t segment_id = 0;

  // Where it is written, before it is put in place.
  std::string file() const;
  // An empty file that says what it replaces, by its name alone. It is there before and after the
  // segment is put in place.
  std::string marker() const;
  static std::optional<Replacement> ParseMarker(std::string_view name);

  // Whether the segment at `begin` is this one: those behind it, up to `end`, are void.
  absl::StatusOr<bool> IsInPlace(Directory& directory) const;
};

inline constexpr std::string_view kReplacementSuffix = ".log.cleaned";
inline constexpr std::string_view kMarkerSuffix = ".replaced";

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_REPLACE_REPLACEMENT_H_
