#include "log/check/repair.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace daybook::inline v1 {
namespace {

using Action = SegmentStep::Action;

// The offsets that one marker takes up; more take several.
constexpr std::int64_t kMostOffsets = std::int64_t{1} << 31;
// A file of a wild name can make a gap of any size.
constexpr std::int64_t kMostMarkers = 64;

// What can be the segment at some base offset.
struct Candidate {
  const SegmentSummary* summary = nullptr;
  bool is_unfinished = false;
  bool is_in_place() const { return !is_unfinished && summary->base() == summary->name_base; }
};

// Whether `a` is the better one for the same place.
bool IsBetter(const Candidate& a, const Candidate& b) {
  if (a.summary->records != b.summary->records) return a.summary->records > b.summary->records;
  if (a.summary->is_damaged() != b.summary->is_damaged()) return b.summary->is_damaged();
  return a.is_in_place() && !b.is_in_place();
}

// Whether all that `inner` holds can be read in `outer`.
bool IsContained(const SegmentSummary& inner, const SegmentSummary& outer) {
  return inner.base() >= outer.base() && inner.end_offset <= outer.end_offset &&
         inner.records > 0 && outer.scan.gaps.empty() && inner.base() < outer.end_offset;
}

// Whether there may be records that were not found.
bool IsUndecided(const SegmentSummary& segment) {
  const auto& gaps = segment.scan.gaps;
  return segment.scan.is_end_unknown ||
         std::any_of(gaps.begin(), gaps.end(),
                     [](const frame::Gap& gap) { return gap.may_hold_frames; });
}

// Whether it was sealed, or went on, behind where it ends now.
bool HasLostSeal(const SegmentSummary& segment) {
  return segment.is_damaged() &&
         std::max(segment.checkpoint.durable_position, segment.checkpoint.committed_position) >
             segment.scan.end_position;
}

// The plan of one repair: takes the best file for each place, and says of each what becomes of it
// and what is lost.
class Planner {
 public:
  explicit Planner(const PartitionVerification& found) : found_(found) {}

  PartitionPlan Run() && {
    for (const SegmentSummary& segment : found_.segments) {
      const bool is_other_version = segment.header_state == HeaderState::kOtherVersion;
      if (!is_other_version && segment.header_state != HeaderState::kNoFile) continue;
      plan_.not_repaired.push_back(absl::StrCat(segment.file, ": ", CauseAt(segment.file, 0),
                                                is_other_version
                                                    ? "; the partition is left as it is"
                                                    : "; remove it, then repair again"));
      return std::move(plan_);
    }
    Choose();
    for (auto it = chosen_.begin(); it != chosen_.end();) {
      const auto next = std::next(it);
      if (next != chosen_.end() && IsContained(*next->second.summary, *it->second.summary)) {
        Remove(next->second.summary->file,
               absl::StrCat("all its offsets are in ", it->second.summary->file, ", too"));
        chosen_.erase(next);
        continue;
      }
      Plan(it->second, next == chosen_.end() ? nullptr : next->second.summary);
      it = next;
    }
    PlanFirst();
    return std::move(plan_);
  }

 private:
  void Remove(const std::string& file, std::string reason) {
    plan_.steps.push_back(
        {.action = Action::kRemove, .source = file, .base = {}, .reason = std::move(reason)});
  }

  // Takes the best file for each place, by what the files hold and not by their names.
  void Choose() {
    for (const SegmentSummary& segment : found_.segments) {
      if (segment.is_readable()) {
        Offer({.summary = &segment});
        continue;
      }
      const bool is_last = &segment == &found_.segments.back();
      if (segment.header_state == HeaderState::kUnwritten && is_last) {
        Remove(segment.file, "it never reached the disk");  // as the next open would
        continue;
      }
      unreadable_.push_back(&segment);
    }
    for (const SegmentSummary& segment : found_.unfinished) {
      if (segment.is_readable() && !segment.is_damaged()) {
        Offer({.summary = &segment, .is_unfinished = true});
      } else {
        Remove(segment.file, "an unfinished copy");
      }
    }
    for (const SegmentSummary* segment : unreadable_) {
      Remove(segment->file, "its header cannot be had back, and without it none of its records");
    }
  }

  void Offer(const Candidate& candidate) {
    const auto [it, is_new] = chosen_.try_emplace(candidate.summary->base(), candidate);
    if (is_new) return;
    const bool is_better = IsBetter(candidate, it->second);
    const Candidate& worse = is_better ? it->second : candidate;
    Remove(worse.summary->file, "another file holds the same offsets");
    if (is_better) it->second = candidate;
  }

  void Lose(const std::string& file, Offset begin, std::optional<Offset> end, std::uint64_t bytes,
            std::string cause) {
    plan_.lost.push_back({.file = file,
                          .begin_offset = begin,
                          .end_offset = end,
                          .bytes = bytes,
                          .cause = std::move(cause)});
  }

  // The causes that the verification gave.
  std::string CauseAt(const std::string& file, std::uint64_t position) const {
    for (const VerifyIssue& issue : found_.issues) {
      if (issue.file == file && issue.is_damage && issue.begin_position == position) {
        return issue.cause;
      }
    }
    return "";
  }

  // A file whose header cannot be had back, and that held what is missing from `begin` on.
  const SegmentSummary* UnreadableAt(Offset begin, Offset end) const {
    for (const SegmentSummary* segment : unreadable_) {
      if (segment->name_base >= begin && segment->name_base < end) return segment;
    }
    return nullptr;
  }

  // `next`: the segment behind it, if there is one.
  void Plan(const Candidate& candidate, const SegmentSummary* next) {
    const SegmentSummary& segment = *candidate.summary;
    if (segment.is_damaged() && IsUndecided(segment)) {
      plan_.not_repaired.push_back(absl::StrCat(
          segment.file,
          ": it is damaged, and so much of it looks like records that it cannot be decided what is "
          "one; it is left as it is, and what can be read of it stays"));
      return;
    }
    std::int64_t unmarked = 0;
    for (const frame::Gap& gap : segment.scan.gaps) {
      const std::string cause = CauseAt(segment.file, gap.begin_position);
      if (cause.empty()) continue;  // a claim that was not committed
      if (gap.bytes() < frame::kFrameHeaderBytes) {
        plan_.not_repaired.push_back(absl::StrCat(
            segment.file, ": offsets [", (segment.base() + gap.begin_delta).value(), ", ",
            (segment.base() + gap.end_delta).value(), ") are lost, and at position ",
            gap.begin_position, " there is no room to mark them; readers are told"));
        ++unmarked;
        continue;
      }
      Lose(segment.file, segment.base() + gap.begin_delta, segment.base() + gap.end_delta,
           gap.bytes(), cause);
    }
    bool must_rewrite = segment.damages > unmarked || !candidate.is_in_place() ||
                        segment.header_state == HeaderState::kRestored;
    Offset end = segment.end_offset;
    std::optional<FramePlace> cut;
    if (next != nullptr && end > next->base()) {
      cut = segment.overlap;
      if (!cut || cut->offset > next->base() || end > next->end_offset) {
        plan_.not_repaired.push_back(absl::StrCat(segment.file, ": offsets of it are in ",
                                                  next->file, ", too; readers read each once"));
        return;
      }
      end = cut->offset;
      must_rewrite = true;
    }
    const Offset lost_end = LostTail(segment, next, end);
    const bool has_bad_tail = !segment.is_sealed && segment.is_damaged() && lost_end > end;
    const bool is_sealed_after =
        next != nullptr || has_bad_tail || (!segment.is_sealed && HasLostSeal(segment));
    must_rewrite = must_rewrite || (next != nullptr && !segment.is_sealed);
    SegmentStep step{.action = Action::kRewrite,
                     .source = segment.file,
                     .base = segment.base(),
                     .header = segment.header,
                     .is_sealed_after = is_sealed_after && (cut || !segment.is_sealed),
                     .cut = cut,
                     .reason = ReasonFor(candidate)};
    step.header.settled_before = 0;
    if (must_rewrite) {
      plan_.steps.push_back(std::move(step));
    } else if (segment.has_bad_index) {
      step.action = Action::kReindex;
      step.reason = "its index does not agree with its frames";
      plan_.steps.push_back(std::move(step));
    }
    const bool is_durable = segment.checkpoint.sequence != 0 &&
                            segment.checkpoint.durable_position >= segment.scan.end_position;
    if (lost_end > end) Mark(end, lost_end, segment, is_durable, next != nullptr);
  }

  // One past the last offset that is lost behind the end of `segment`.
  Offset LostTail(const SegmentSummary& segment, const SegmentSummary* next, Offset end) {
    if (next != nullptr) return next->base();
    for (const VerifyIssue& issue : found_.issues) {
      if (issue.file == segment.file && issue.is_damage && issue.begin_offset == end &&
          issue.begin_position == segment.scan.end_position) {
        // A record was committed there, or what the checkpoint says.
        return issue.end_offset ? *issue.end_offset : end + 1;
      }
    }
    return end;
  }

  std::string ReasonFor(const Candidate& candidate) const {
    const SegmentSummary& segment = *candidate.summary;
    if (candidate.is_unfinished) return "a copy that an interrupted repair has made";
    std::string reason;
    for (const VerifyIssue& issue : found_.issues) {
      if (issue.file != segment.file || !issue.is_damage) continue;
      absl::StrAppend(&reason, reason.empty() ? "" : "; ", issue.cause);
    }
    return reason.empty() ? "segments follow it, and it has no seal" : reason;
  }

  // Fills [begin, end), which no segment holds, with markers.
  void Mark(Offset begin, Offset end, const SegmentSummary& before, bool is_durable,
            bool has_next) {
    std::string file = before.file;
    std::string cause = CauseAt(file, before.scan.end_position);
    std::uint64_t bytes = before.scan.tail_bytes;
    if (const SegmentSummary* unreadable = UnreadableAt(begin, end)) {
      file = unreadable->file;
      cause = CauseAt(file, 0);
      bytes = unreadable->file_bytes;
    }
    if (cause.empty()) cause = has_next ? "a segment is missing" : "the end of the segment is lost";
    if ((end - begin) / kMostOffsets >= kMostMarkers) {
      plan_.not_repaired.push_back(absl::StrCat("offsets [", begin.value(), ", ", end.value(),
                                                ") are too many to be marked as lost; is ", file,
                                                " or the next file one of another partition?"));
      return;
    }
    Lose(file, begin, end, bytes, cause);
    while (begin < end) {
      const std::int64_t offsets = std::min(kMostOffsets, end - begin);
      SegmentStep step{.action = Action::kMark,
                       .source = {},
                       .base = begin,
                       .header = before.header,
                       .offsets = static_cast<std::uint32_t>(offsets),
                       .is_durable = is_durable,
                       .reason = cause};
      step.header.base_offset = begin.value();
      plan_.steps.push_back(std::move(step));
      begin = begin + offsets;
    }
  }

  // Unreadable files before the first segment, or behind the last one.
  void PlanFirst() {
    for (const SegmentSummary* segment : unreadable_) {
      const bool is_before = chosen_.empty() || segment->name_base < chosen_.begin()->first;
      const bool is_behind =
          chosen_.empty() || segment->name_base >= chosen_.rbegin()->second.summary->end_offset;
      if (!is_before && !is_behind) continue;  // in a gap that is marked
      if (is_before && !chosen_.empty()) {
        SegmentSummary before = *segment;
        before.header = chosen_.begin()->second.summary->header;
        const auto later = std::find_if(
            unreadable_.begin(), unreadable_.end(),
            [&](const SegmentSummary* other) { return other->name_base > segment->name_base; });
        const Offset end = later == unreadable_.end()
                               ? chosen_.begin()->first
                               : std::min((*later)->name_base, chosen_.begin()->first);
        Mark(segment->name_base, end, before, false, true);
      } else {
        Lose(segment->file, segment->name_base, std::nullopt, segment->file_bytes,
             CauseAt(segment->file, 0));
      }
    }
  }

  const PartitionVerification& found_;
  PartitionPlan plan_;
  std::map<Offset, Candidate> chosen_;
  std::vector<const SegmentSummary*> unreadable_;
};

}  // namespace

PartitionPlan PlanRepair(const PartitionVerification& found) {
  if (!found.has_damage() && found.unfinished.empty()) {
    PartitionPlan plan;
    for (const SegmentSummary& segment : found.segments) {
      if (!segment.has_bad_index) continue;
      plan.steps.push_back({.action = Action::kReindex,
                            .source = segment.file,
                            .base = segment.base(),
                            .header = segment.header,
                            .reason = "its index does not agree with its frames"});
    }
    return plan;
  }
  return Planner(found).Run();
}

}  // namespace daybook::inline v1
