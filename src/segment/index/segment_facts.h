#ifndef DAYBOOK_SEGMENT_INDEX_SEGMENT_FACTS_H_
#define DAYBOOK_SEGMENT_INDEX_SEGMENT_FACTS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/system/file_system.h"

namespace daybook::inline v1 {

class Segment;

// What is known of a segment without a look at its records.
struct SegmentFacts {
  Offset base_offset;
  std::uint64_t bytes = 0;  // of its records, with what is around them; files are made ahead
  // When its first record was appended; absent: its header is damaged.
  std::optional<Timestamp> created = std::nullopt;
  // When it was sealed: no record in it was appended later. Absent: it is not, or damaged.
  std::optional<Timestamp> sealed = std::nullopt;
};

SegmentFacts FactsOf(Segment& segment);
// Of one that cannot be opened: the bytes of its file alone. NotFound: there is none.
absl::StatusOr<SegmentFacts> FactsOfDamaged(Directory& directory, Offset base_offset);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_INDEX_SEGMENT_FACTS_H_
