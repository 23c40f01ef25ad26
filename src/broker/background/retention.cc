#include "broker/background/retention.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

// So many segments go at once: what deletes them holds locks of the log that others wait for.
constexpr std::size_t kMostAtOnce = 16;

std::optional<std::uint64_t> BoundOf(std::int64_t bytes) {
  return bytes < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(bytes));
}

bool IsTooOld(Timestamp time, const RetentionRules& rules, Timestamp now) {
  return rules.time && now - time > *rules.time;
}

// When a segment ended, as far as that is known.
std::optional<Timestamp> EndOf(std::span<const SegmentFacts> segments, std::size_t index) {
  if (IsPlanted(PlantedBug::kDeletesByFirstRecord)) return segments[index].created;
  if (segments[index].sealed) return segments[index].sealed;
  return index + 1 < segments.size() ? segments[index + 1].created : std::nullopt;
}

// How many segments at the beginning are too old.
std::size_t CountTooOld(std::span<const SegmentFacts> segments, const RetentionRules& rules,
                        Timestamp now) {
  std::size_t count = 0;
  Timestamp latest = Timestamp::min();
  for (std::size_t i = 0; rules.time && i < segments.size(); ++i) {
    const auto& created = segments[i].created;
    if (created && *created <= now) latest = std::max(latest, *created);
    const auto end = EndOf(segments, i);
    if (!end || *end > now || *end < latest) continue;
    latest = *end;
    if (!IsTooOld(latest, rules, now)) break;
    count = i + 1;
  }
  return count;
}

// A segment that takes appends is to take no more: its first record is too old, or was appended
// when the clock was ahead, and it would stay for good.
bool IsToBeSealed(const SegmentFacts& last, const RetentionRules& rules, Timestamp now) {
  if (last.sealed || !last.created) return false;
  return IsTooOld(*last.created, rules, now) || (rules.time && *last.created - now > *rules.time);
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

Offset RetainedFrom(std::span<const SegmentFacts> segments, Offset end, const RetentionRules& rules,
                    std::optional<Offset> read_by_all, Timestamp now) {
  const auto base = [&](std::size_t index) {
    return index == segments.size() ? end : segments[index].base_offset;
  };
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
    while (keep != 0 && base(keep) > *read_by_all) --keep;
  }
  left = all;
  for (std::size_t i = 0; i < keep; ++i) left -= segments[i].bytes;
  while (rules.max_bytes && keep < last && left > *rules.max_bytes) {
    left -= segments[keep++].bytes;
  }
  return base(keep);
}

namespace {

// The same, asking the groups if it matters. They are asked again when it is final where they are,
// since they may have gone back meanwhile. Where that cannot be known they have read nothing: the
// bound that wins holds then, too.
Offset RetainedFromGroups(std::span<const SegmentFacts> segments, Offset end,
                          const RetentionRules& rules, PartitionLog& log, OffsetStore& offsets,
                          Timestamp now) {
  const Offset most = RetainedFrom(segments, end, rules, std::nullopt, now);
  if (!rules.keeps_unread || most <= segments.front().base_offset ||
      IsPlanted(PlantedBug::kDeletesUnread)) {
    return most;
  }
  const bool is_final = IsPlanted(PlantedBug::kGroupsBehindStart) ||
                        offsets.WaitFinal(DeadlineAfter(kSyncTimeout)).ok();
  const auto read = offsets.ReadByAll(log.name().topic(), log.name().partition());
  const auto read_by_all = is_final && read.ok() ? *read : std::optional(Offset());
  return RetainedFrom(segments, end, rules, read_by_all, now);
}

absl::Status DeleteBefore(PartitionLog& log, Offset start) {
  const auto raised = log.RaiseLogStart(start);
  if (!absl::IsResourceExhausted(raised)) return raised;
  // There is no room left for the note of where it begins: first make some.
  if (auto status = log.DropBefore(start); !status.ok()) return status;
  return log.RaiseLogStart(start);
}

}  // namespace

absl::StatusOr<bool> ApplyRetention(PartitionLog& log, const RetentionRules& rules,
                                    OffsetStore& offsets, Timestamp now) {
  const auto begin = log.begin_offset();
  if (!begin.ok()) return begin.status();
  const auto end = log.stable_end();
  if (!end.ok()) return end.status();
  auto segments = log.Segments();
  if (!segments.ok()) return segments.status();
  if (segments->empty()) return false;
  if (IsToBeSealed(segments->back(), rules, now)) log.RollFrom(segments->back().base_offset);
  // Behind a claim that is open, and a transaction that is undecided, nothing can go.
  while (segments->size() > 1 && segments->back().base_offset > *end) segments->pop_back();
  Offset keep = RetainedFromGroups(*segments, *end, rules, log, offsets, now);
  const std::size_t most = std::min(kMostAtOnce, segments->size() - 1);
  const bool has_more = most != 0 && keep > (*segments)[most].base_offset;
  if (has_more) keep = (*segments)[most].base_offset;
  // What an error has left before is gone on with.
  const auto status = keep <= segments->front().base_offset
                          ? log.DropBefore(*begin)
                          : DeleteBefore(log, std::max(keep, *begin));
  if (!status.ok()) return status;
  return has_more;
}

}  // namespace daybook::inline v1
