#include "broker/background/retention.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

// So many segments go at once: what deletes them holds locks of the log that others wait for.
constexpr std::size_t kMostAtOnce = 16;

bool IsTooOld(Timestamp time, const RetentionOptions& rules, Timestamp now) {
  return rules.time.count() >= 0 && now - time > rules.time;
}

// Whether `bytes` reach a bound that there is.
bool Reaches(std::uint64_t bytes, std::int64_t bound) {
  return bound >= 0 && bytes >= static_cast<std::uint64_t>(bound);
}

// When a segment ended, as far as that is known.
std::optional<Timestamp> EndOf(std::span<const SegmentFacts> segments, std::size_t index) {
  if (IsPlanted(PlantedBug::kDeletesByFirstRecord)) return segments[index].created;
  if (segments[index].sealed) return segments[index].sealed;
  return index + 1 < segments.size() ? segments[index + 1].created : std::nullopt;
}

// How many segments at the beginning are too old.
std::size_t CountTooOld(std::span<const SegmentFacts> segments, const RetentionOptions& rules,
                        Timestamp now) {
  std::size_t count = 0;
  Timestamp latest = Timestamp::min();
  for (std::size_t i = 0; rules.time.count() >= 0 && i < segments.size(); ++i) {
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
bool IsToBeSealed(const SegmentFacts& last, const RetentionOptions& rules, Timestamp now) {
  if (last.sealed || !last.created) return false;
  return IsTooOld(*last.created, rules, now) || IsTooOld(now, rules, *last.created);
}

}  // namespace

Offset RetainedFrom(std::span<const SegmentFacts> segments, Offset end,
                    const RetentionOptions& rules, std::optional<Offset> read_by_all,
                    Timestamp now) {
  const auto base = [&](std::size_t index) {
    return index == segments.size() ? end : segments[index].base_offset;
  };
  std::uint64_t left = 0;
  for (const SegmentFacts& segment : segments) left += segment.bytes;
  const std::uint64_t all = left;
  const std::size_t last = segments.size() - 1;
  std::size_t keep = 0;
  while (keep < last && Reaches(left - segments[keep].bytes, rules.bytes)) {
    left -= segments[keep++].bytes;
  }
  keep = std::max(keep, CountTooOld(segments, rules, now));
  if (rules.unread == RetentionUnread::kKeep && read_by_all) {
    while (keep != 0 && base(keep) > *read_by_all) --keep;
  }
  left = all;
  for (std::size_t i = 0; i < keep; ++i) left -= segments[i].bytes;
  while (keep < last && rules.max_bytes >= 0 &&
         left > static_cast<std::uint64_t>(rules.max_bytes)) {
    left -= segments[keep++].bytes;
  }
  return base(keep);
}

namespace {

// What is before it, each group has read, and no power cut takes that back; nothing, where that
// cannot be known. Groups are asked before it is made final where they are, since what they commit
// meanwhile is not, and afterwards, since they may have gone back.
std::optional<Offset> ReadForGood(const PartitionName& name, OffsetStore& offsets) {
  const auto before = offsets.ReadByAll(name.topic(), name.partition());
  if (!IsPlanted(PlantedBug::kGroupsBehindStart) &&
      !offsets.WaitFinal(DeadlineAfter(kSyncTimeout)).ok()) {
    return Offset();
  }
  const auto after = offsets.ReadByAll(name.topic(), name.partition());
  if (!before.ok() || !after.ok()) return Offset();
  if (!*before || !*after) return *before ? *before : *after;
  return std::min(**before, **after);
}

// The same, asking the groups if it matters.
Offset RetainedNow(std::span<const SegmentFacts> segments, Offset end,
                   const RetentionOptions& rules, const PartitionName& name, OffsetStore& offsets,
                   Timestamp now) {
  const Offset most = RetainedFrom(segments, end, rules, std::nullopt, now);
  const bool asks = rules.unread == RetentionUnread::kKeep && most > segments.front().base_offset &&
                    !IsPlanted(PlantedBug::kDeletesUnread);
  return asks ? RetainedFrom(segments, end, rules, ReadForGood(name, offsets), now) : most;
}

}  // namespace

absl::StatusOr<bool> ApplyRetention(PartitionLog& log, const RetentionOptions& rules,
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
  Offset keep = RetainedNow(*segments, *end, rules, log.name(), offsets, now);
  const std::size_t most = std::min(kMostAtOnce, segments->size() - 1);
  const bool has_more = most != 0 && keep > (*segments)[most].base_offset;
  if (has_more) keep = (*segments)[most].base_offset;
  // What an error has left before is gone on with.
  const auto status = keep <= segments->front().base_offset
                          ? log.DropBefore(*begin)
                          : log.RaiseLogStart(std::max(keep, *begin));
  if (!status.ok()) return status;
  return has_more;
}

}  // namespace daybook::inline v1
