#ifndef DAYBOOK_BROKER_BACKGROUND_RETENTION_H_
#define DAYBOOK_BROKER_BACKGROUND_RETENTION_H_

#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "broker/offsets/offset_store.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/topic.h"
#include "log/partition_log.h"
#include "segment/index/segment_facts.h"

// Which segments of a partition go; what the settings mean is said at RetentionOptions.

namespace daybook::inline v1 {

// From where on all stays: the base offset of a segment, or `end` if all of them are too old and
// the last one is sealed. `segments` are not empty; the last of them stays but for that.
// `read_by_all`: what is before it, each group has read; absent: there is no group, or it does not
// matter.
//
// A segment is as old as its last record: as its seal, or where that is not known, as the next
// segment. Times only rise: one that is later than `now`, or earlier than one before it, was told
// by a clock that was wrong, and that of the segment behind it counts.
Offset RetainedFrom(std::span<const SegmentFacts> segments, Offset end,
                    const RetentionOptions& rules, std::optional<Offset> read_by_all,
                    Timestamp now);

// Deletes some of what may go; true: there is more. A segment that takes appends and whose first
// record is too old is sealed: the next append begins another one.
absl::StatusOr<bool> ApplyRetention(PartitionLog& log, const RetentionOptions& rules,
                                    OffsetStore& offsets, Timestamp now);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_RETENTION_H_
