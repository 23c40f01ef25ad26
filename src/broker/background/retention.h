#ifndef DAYBOOK_BROKER_BACKGROUND_RETENTION_H_
#define DAYBOOK_BROKER_BACKGROUND_RETENTION_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "broker/offsets/offset_store.h"
#include "daybook/offset.h"
#include "daybook/system/clock.h"
#include "daybook/topic.h"
#include "log/partition_log.h"
#include "segment/index/segment_facts.h"

// Which segments of a partition go; what the settings mean is said at TopicOptions.

namespace daybook::inline v1 {

// The settings of a topic's retention; absent: no bound.
struct RetentionRules {
  std::optional<std::chrono::nanoseconds> time = {};
  std::optional<std::uint64_t> bytes = {};
  std::optional<std::uint64_t> max_bytes = {};
  bool keeps_unread = false;

  bool empty() const { return !time && !bytes && !max_bytes; }
};
RetentionRules RetentionRulesOf(const TopicOptions& options);

// The base offset of the first segment that stays; never behind the last one. `segments` are not
// empty. `read_by_all`: what is before it, each group has read; absent: there is no group.
//
// A segment is as old as its last record: as its seal, or where that is not known, as the next
// segment. A time that is later than `now` was told by a wrong clock: that of the segment behind it
// counts. Of the others the latest so far: those of a clock that was behind make nothing older.
Offset RetainedFrom(std::span<const SegmentFacts> segments, const RetentionRules& rules,
                    std::optional<Offset> read_by_all, Timestamp now);

// Deletes what may go. Where all of a log is too old, that is all of it; where only the beginning
// of the segment that takes appends is, the next append begins another one.
absl::Status ApplyRetention(PartitionLog& log, const RetentionRules& rules, OffsetStore& offsets,
                            Timestamp now);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_BACKGROUND_RETENTION_H_
