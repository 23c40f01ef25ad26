#include "broker/background/retention.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

std::optional<std::uint64_t> BoundOf(std::int64_t bytes) {
  return bytes < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(bytes));
}

bool IsTooOld(Timestamp time, const RetentionRules& rules, Timestamp now) {
  return rules.time && now - time > *rules.time;
}

// When a segment that is not the last one ended, as far as that is known.
std::optional<Timestamp> EndOf(std::span<const SegmentFacts> segments, std::size_t index) {
  if (IsPlanted(PlantedBug::kDeletesByFirstRecord)) return segments[index].created;
  return segments[index].sealed ? segments[index].sealed : segments[index + 1].created;
}

// How many segments at the beginning are too old.
std::size_t CountTooOld(std::span<const SegmentFacts> segments, const RetentionRules& rules,
                        Timestamp now) {
  std::size_t count = 0;
  Timestamp latest = Timestamp::min();
  for (std::size_t i = 0; rules.time && i + 1 < segments.size(); ++i) {
    const auto end = EndOf(segments, i);
    if (!end || *end > now) continue;
    latest = std::max(latest, *end);
    if (!IsTooOld(latest, rules, now)) break;
    count = i + 1;
  }
  return count;
}

}  // namespace

RetentionRules RetentionRulesOf(const TopicOptions& options) {
  RetentionRules rules{.time = std::nullopt,
                       .bytes = BoundOf(options.retention.bytes),
                       .max_bytes = BoundOf(options.retention.max_bytes),
                       .keeps_unread = options.retention.unread == RetentionUnread::kKeep};
  if (options.retention.time.count() >= 0) rules.time = options.retention.time;
  return rules;
}

Offset RetainedFrom(std::span<const SegmentFacts> segments, const RetentionRules& rules,
                    std::optional<Offset> read_by_all, Timestamp now) {
  std::uint64_t left = 0;
  for (const SegmentFacts& segment : segments) left += segment.bytes;
  const std::uint64_t all = left;
  const std::size_t last = segments.size() - 1;
  std::size_t keep = 0;
  while (rules.bytes && keep < last && left - segments[keep].bytes >= *rules.bytes) {
    left -= segments[keep++].bytes;
  }
  keep = std::max(keep, CountTooOld(segments, rules, now));
  if (rules.keeps_unread && read_by_all) {
    while (keep != 0 && segments[keep].base_offset > *read_by_all) --keep;
  }
  left = all;
  for (std::size_t i = 0; i < keep; ++i) left -= segments[i].bytes;
  while (rules.max_bytes && keep < last && left > *rules.max_bytes) {
    left -= segments[keep++].bytes;
  }
  return segments[keep].base_offset;
}

absl::Status ApplyRetention(PartitionLog& log, const RetentionRules& rules, OffsetStore& offsets,
                            Timestamp now) {
  const auto begin = log.begin_offset();
  if (!begin.ok()) return begin.status();
  const auto end = log.stable_end();
  if (!end.ok()) return end.status();
  const auto segments = log.Segments();
  if (!segments.ok()) return segments.status();
  if (segments->empty()) return absl::OkStatus();
  std::optional<Offset> read_by_all;
  if (rules.keeps_unread && !IsPlanted(PlantedBug::kDeletesUnread)) {
    const auto read = offsets.ReadByAll(log.name().topic(), log.name().partition());
    if (!read.ok()) return read.status();
    read_by_all = *read;
  }
  const SegmentFacts& last = segments->back();
  Offset keep = RetainedFrom(*segments, rules, read_by_all, now);
  if (last.created && IsTooOld(*last.created, rules, now)) {
    if (keep == last.base_offset && *begin < *end) {
      const auto appended = log.LastAppendTime();
      if (!appended.ok() && !absl::IsDataLoss(appended.status())) return appended.status();
      const bool is_read = !read_by_all || *read_by_all >= *end;
      if (appended.ok() && *appended && IsTooOld(**appended, rules, now) && is_read) keep = *end;
    }
    log.RollFrom(last.base_offset);
  }
  // What an error has left before is gone on with.
  if (keep <= segments->front().base_offset) return log.DropBefore(*begin);
  if (rules.keeps_unread && !IsPlanted(PlantedBug::kGroupsBehindStart)) {
    // Should the power go, who has read it must not be put back before it.
    if (auto status = offsets.WaitDurable(DeadlineAfter(kSyncTimeout)); !status.ok()) return status;
  }
  keep = std::max(keep, *begin);
  const auto raised = log.RaiseLogStart(keep);
  if (!absl::IsResourceExhausted(raised)) return raised;
  // There is no room left for the note of where it begins: first make some.
  if (auto status = log.DropBefore(keep); !status.ok()) return status;
  return log.RaiseLogStart(keep);
}

}  // namespace daybook::inline v1
