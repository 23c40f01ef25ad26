#include "format/frame_search.h"

#include "base/planted_bug.h"
#include "format/open_claims.h"

namespace daybook::inline v1::frame {
namespace {

std::uint64_t EndOf(const FoundFrame& frame) {
  return frame.position + AlignedLength(LengthOf(frame.header.length_word));
}

}  // namespace

FrameSearch::FrameSearch(const SegmentBytes& segment, const SearchOptions& options)
    : segment_(segment),
      options_(options),
      may_hash_(options.hashed_per_byte * segment.bytes.size()) {}

bool FrameSearch::IsPlausible(std::uint64_t position, std::uint32_t length_word,
                              FrameHeader* header) const {
  const std::uint64_t length = LengthOf(length_word);
  const Kind kind = KindOf(length_word);
  if (length < kFrameHeaderBytes || kind < Kind::kRecord || kind > Kind::kTransactional ||
      AlignedLength(length) > segment_.bytes.size() - position ||
      (kind != Kind::kPadding && length > segment_.max_frame_bytes)) {
    return false;
  }
  *header = LoadFrameHeader(segment_.bytes.data() + position, length_word);
  const std::uint32_t attributes = header->attributes;
  if (std::uint64_t{header->offset_delta} + OffsetCount(*header) > options_.end_delta) return false;
  switch (kind) {
    case Kind::kRecord:
      return attributes & kHasHeaders
                 ? (attributes & kReservedAttributes) == 0 &&
                       (attributes & kHasKey || (attributes & kKeyLengthMask) == 0)
                 : PlainRecordIsWellFormed(*header);
    case Kind::kPadding:
      return length % kFrameAlignment == 0 && header->append_time == 0;
    case Kind::kSeal:
      return length == kSealBytes && attributes == 0;
    case Kind::kBatch:
    case Kind::kTransactional:
      return (attributes & kBatchCountMask) != 0 && length >= BytesBeforeEntries(*header) &&
             (attributes & kBatchCompressed || DictionaryOf(attributes) == 0);
  }
  return false;
}

bool FrameSearch::IsSucceeded(std::uint64_t position, const FrameHeader& header) const {
  if (KindOf(header.length_word) == Kind::kSeal) return true;  // and costs little
  const std::uint64_t next = position + AlignedLength(LengthOf(header.length_word));
  if (!HasHead(next)) return false;
  const std::uint64_t word = AcquireFrameWord(segment_.bytes.data() + next);
  if (MarkedBytes(word, next, segment_.segment_id) != 0) return true;
  FrameHeader successor;
  return IsPlausible(next, static_cast<std::uint32_t>(word), &successor) &&
         successor.offset_delta == header.offset_delta + OffsetCount(header);
}

std::optional<bool> FrameSearch::IsWhole(std::uint64_t position, const FrameHeader& header) {
  const std::uint64_t cost = LengthOf(header.length_word);
  if (cost > may_hash_ - hashed_) return std::nullopt;
  hashed_ += cost;
  FrameHeader again;
  return ChecksumOf(segment_.bytes.data() + position, header.length_word, position,
                    segment_.segment_id) == header.checksum &&
         IsWellFormed(segment_, position, header.length_word, &again);
}

std::optional<FoundFrame> FrameSearch::WholeAt(std::uint64_t position, std::uint32_t least_delta) {
  FoundFrame found{.position = position};
  if (position % kFrameAlignment != 0 || !HasHead(position) ||
      !IsPlausible(position, WordAt(position), &found.header) ||
      found.header.offset_delta < least_delta || !IsWhole(position, found.header).value_or(false)) {
    return std::nullopt;
  }
  return found;
}

std::optional<FoundFrame> FrameSearch::FollowDamaged(ScanFrom damage, bool* is_certain) {
  *is_certain = false;
  const std::uint32_t damaged_word = WordAt(damage.position);
  // First where all offsets are accounted for, so that nothing but the damaged frame stands before
  // it; as it stands, then with one bit flipped.
  for (const bool accounts : {true, false}) {
    // Two words can account for it, the wrong one by the frames behind: the nearest it is.
    std::optional<FoundFrame> nearest;
    for (int bit = -1; bit < 32; ++bit) {
      const std::uint32_t word = bit < 0 ? damaged_word : damaged_word ^ (1U << bit);
      const std::uint64_t length = AlignedLength(LengthOf(word));
      if (length < kFrameHeaderBytes || length > segment_.bytes.size() - damage.position) continue;
      const std::uint64_t next = damage.position + length;
      const std::uint32_t count =
          OffsetCount(LoadFrameHeader(segment_.bytes.data() + damage.position, word));
      if (!HasHead(next) || count == 0) continue;
      const std::uint32_t delta =
          LoadFrameHeader(segment_.bytes.data() + next, WordAt(next)).offset_delta;
      if (accounts != (delta == damage.delta + std::uint64_t{count})) continue;
      if (nearest && nearest->position <= next) continue;
      if (const auto found = WholeAt(next, damage.delta)) nearest = found;
    }
    *is_certain = accounts && nearest;
    if (nearest) return nearest;
  }
  return std::nullopt;
}

SearchResult FrameSearch::Pass(ScanFrom from, const std::optional<FoundFrame>& next,
                               Likelihood likelihood) {
  const std::uint64_t end = next ? next->position : segment_.bytes.size();
  bool is_unknown = false;
  for (std::uint64_t position = from.position; position + kFrameHeaderBytes <= end;
       position += kFrameAlignment) {
    const std::uint32_t length_word = WordAt(position);
    if (length_word == 0) continue;
    FoundFrame found{.position = position};
    if (!IsPlausible(position, length_word, &found.header)) continue;
    const FrameHeader& header = found.header;
    if (header.offset_delta < from.delta) continue;
    if (next && (EndOf(found) > end ||
                 header.offset_delta + OffsetCount(header) > next->header.offset_delta)) {
      continue;
    }
    if (likelihood == Likelihood::kSucceeded && !IsSucceeded(position, header)) continue;
    const std::optional<bool> is_whole = IsWhole(position, header);
    if (is_whole.value_or(false)) {
      SearchResult result(found);
      result.may_have_passed_some = is_unknown;
      return result;
    }
    is_unknown = is_unknown || !is_whole;  // of the others, some may cost less
    if (is_unknown && IsPlanted(PlantedBug::kTakesBudgetForEnd)) return SearchResult::Nothing();
  }
  return is_unknown ? SearchResult::Unknown() : SearchResult::Nothing();
}

SearchResult FrameSearch::Search(ScanFrom from, const std::optional<FoundFrame>& next) {
  std::optional<FoundFrame> best = next;
  bool is_unknown = false;
  for (const Likelihood likelihood : {Likelihood::kSucceeded, Likelihood::kAny}) {
    const SearchResult found = Pass(from, best, likelihood);
    is_unknown = is_unknown || found.is_unknown() || found.may_have_passed_some;
    if (!found) continue;
    if (best) ahead_ = best;
    best = *found;
  }
  if (!best) return is_unknown ? SearchResult::Unknown() : SearchResult::Nothing();
  SearchResult result(*best);
  result.may_have_passed_some = is_unknown;
  return result;
}

SearchResult FrameSearch::FindFrom(ScanFrom from) {
  if (const auto found = WholeAt(from.position, from.delta)) return *found;
  return Search(from, std::nullopt);
}

SearchResult FrameSearch::FindNextFrame(ScanFrom damage,
                                        std::optional<std::uint64_t> known_position) {
  const ScanFrom behind{.position = damage.position + kFrameAlignment, .delta = damage.delta};
  if (!HasHead(damage.position)) return SearchResult::Nothing();
  if (IsPlanted(PlantedBug::kTakesBudgetForEnd)) {
    return Pass(behind, std::nullopt, Likelihood::kAny);
  }
  std::optional<FoundFrame> next;
  const auto take = [&next](const std::optional<FoundFrame>& found) {
    if (found && (!next || found->position < next->position)) next = found;
  };
  if (ahead_ && ahead_->position > damage.position && ahead_->header.offset_delta >= damage.delta) {
    take(ahead_);
  }
  bool is_certain = false;
  if (WordAt(damage.position) != 0) {
    const auto followed = FollowDamaged(damage, &is_certain);
    if (is_certain) return *followed;
    take(followed);
  } else {
    const OpenClaims claims = FollowClaims(segment_, damage.position);
    if (claims.next == OpenClaims::Next::kNothing && options_.trusts_marks) {
      return SearchResult::Nothing();
    }
    if (claims.next == OpenClaims::Next::kFrame) {
      if (const auto found = WholeAt(claims.position, damage.delta)) {
        SearchResult result(*found);
        result.is_behind_open_claims = true;
        return result;
      }
      // That one is damaged, or a mark was.
      take(FollowDamaged({.position = claims.position, .delta = damage.delta}, &is_certain));
    }
  }
  if (known_position && *known_position > damage.position) {
    take(WholeAt(*known_position, damage.delta));
  }
  return Search(behind, next);
}

SearchResult FindFrame(const SegmentBytes& segment, ScanFrom from, const SearchOptions& options) {
  return FrameSearch(segment, options).FindFrom(from);
}

}  // namespace daybook::inline v1::frame
