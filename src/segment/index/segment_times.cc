#include "segment/index/segment_times.h"

#include <array>
#include <limits>

#include "format/segment_header.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"

namespace daybook::inline v1 {
namespace {

// The one behind damage; absent if nothing is known to follow.
std::optional<ClaimWord> BehindDamage(Segment& segment, ClaimWord at) {
  const auto found =
      segment.FindNextFrame({.position = PositionOf(at), .delta = std::uint64_t{RecordsOf(at)}});
  if (!found) return std::nullopt;
  return MakeClaimWord(found->header.offset_delta, found->position);
}

}  // namespace

void SegmentTimes::BeginAnew() {
  Clear();
  MutexLock lock(mutex_);
  is_made_here_ = true;
}

void SegmentTimes::Clear() {
  MutexLock lock(mutex_);
  has_own_.store(false, std::memory_order_relaxed);
  index_.Clear();
  known_end_ = kFirstFrame;
  is_stored_ = false;
  is_complete_ = false;
}

void SegmentTimes::LearnTo(Segment& segment, ClaimWord end) {
  if (is_complete_) return;
  const auto sealed = segment.sealed_end();
  if (!is_plain()) {
    ClaimWord at = known_end_;
    while (PositionOf(at) < PositionOf(end)) {
      const std::uint64_t position = PositionOf(at);
      frame::FrameHeader header;
      // What was appended here is taken on trust: who reads it looks at its checksum.
      const bool is_frame =
          (is_made_here_ &&
           frame::IsWellFormed(segment.Bytes(), position,
                               frame::AcquireLengthWord(segment.At(position)), &header)) ||
          segment.ReadFrame(position, &header) == frame::FrameState::kValid;
      if (!is_frame) {
        const auto behind = BehindDamage(segment, at);
        if (!behind) break;
        at = *behind;
        continue;
      }
      index_.Note(MakeClaimWord(header.offset_delta, position), segment.At(position), header);
      at = BehindFrame(position, header);
    }
    known_end_ = at;
  }
  if (!sealed || PositionOf(end) < PositionOf(*sealed)) return;
  if (!is_plain() && PositionOf(known_end_) < PositionOf(*sealed)) return;
  is_complete_ = true;
  if (index_.summary().has_own) return;
  if (is_plain()) {
    frame::FrameHeader seal;
    const bool is_seal = segment.ReadFrame(PositionOf(*sealed), &seal) == frame::FrameState::kValid;
    index_.NoteBound(is_seal ? std::max(seal.append_time, segment.header().created)
                             : std::numeric_limits<std::int64_t>::max());
  }
}

std::optional<TimeSummary> SegmentTimes::Learn(Segment& segment) {
  const ClaimWord end = segment.CommittedEnd();  // before the look whether there are such times
  MutexLock lock(mutex_);
  LearnTo(segment, end);
  return is_complete_ ? std::optional(index_.summary()) : std::nullopt;
}

void SegmentTimes::LearnOfAppends(Segment& segment) {
  const ClaimWord end = segment.CommittedEnd();
  MutexLock lock(mutex_);
  if (is_made_here_ && !is_plain()) LearnTo(segment, end);
}

std::optional<TimeSummary> SegmentTimes::Read(Directory& directory, Offset base_offset) {
  const auto log = directory.OpenFile(SegmentFileName(base_offset, ".log"), FileMode::kRead);
  const auto index = directory.OpenFile(SegmentFileName(base_offset, ".index"), FileMode::kRead);
  if (!log.ok() || !index.ok()) return std::nullopt;
  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  if (const auto got = (*log)->ReadAt(0, page); !got.ok()) return std::nullopt;
  const auto header = frame::DecodeSegmentHeader(page);
  const auto size = (*index)->Size();
  if (!header.ok() || !size.ok() || *size < TimeIndex::kFooterBytes) return std::nullopt;
  std::string footer(TimeIndex::kFooterBytes, '\0');
  const auto got =
      (*index)->ReadAt(*size - footer.size(), std::as_writable_bytes(std::span(footer)));
  if (!got.ok()) return std::nullopt;
  return TimeIndex::ReadSummary(header->segment_id, footer);
}

std::string SegmentTimes::Encode(Segment& segment) {
  const ClaimWord end = segment.CommittedEnd();
  MutexLock lock(mutex_);
  if (is_made_here_) LearnTo(segment, end);
  if (!is_complete_) return "";
  is_stored_ = true;
  return index_.Encode(segment.header().segment_id);
}

absl::Status SegmentTimes::Load(Segment& segment, std::string_view encoded) {
  const auto sealed = segment.sealed_end();
  MutexLock lock(mutex_);
  if (!sealed || is_complete_) return absl::OkStatus();
  TimeIndex index;
  if (auto status = index.Load(segment.header().segment_id, encoded); !status.ok()) return status;
  index_ = std::move(index);
  known_end_ = *sealed;
  is_complete_ = true;
  is_stored_ = true;
  return absl::OkStatus();
}

bool SegmentTimes::is_news() const {
  MutexLock lock(mutex_);
  return is_complete_ && !is_stored_;
}

bool SegmentTimes::HasOwn(Segment& segment, ClaimWord end) {
  MutexLock lock(mutex_);
  LearnTo(segment, end);
  return index_.summary().has_own;
}

std::optional<ClaimWord> SegmentTimes::Find(Segment& segment, Timestamp time, ClaimWord from,
                                            ClaimWord end) {
  const std::int64_t nanos = time.time_since_epoch().count();
  std::optional<ClaimWord> at = from;
  for (;;) {
    {
      MutexLock lock(mutex_);
      at = index_.FirstPlace(nanos, *at);
    }
    if (!at || PositionOf(*at) >= PositionOf(end)) return std::nullopt;
    const std::uint64_t interval = PositionOf(*at) / TimeIndex::kInterval;
    do {
      const std::uint64_t position = PositionOf(*at);
      frame::FrameHeader header;
      if (segment.ReadFrame(position, &header) != frame::FrameState::kValid) {
        at = BehindDamage(segment, *at);
        if (!at) return std::nullopt;
        continue;
      }
      const frame::Kind kind = frame::KindOf(header.length_word);
      if ((kind == frame::Kind::kRecord || frame::HoldsEntries(kind)) &&
          frame::LatestTimeOf(segment.At(position), header) >= nanos) {
        return MakeClaimWord(header.offset_delta, position);
      }
      at = BehindFrame(position, header);
    } while (PositionOf(*at) < PositionOf(end) &&
             PositionOf(*at) / TimeIndex::kInterval == interval);
  }
}

}  // namespace daybook::inline v1
