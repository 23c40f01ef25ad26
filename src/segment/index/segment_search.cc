#include "segment/index/segment_search.h"

#include <utility>

#include "segment/segment.h"

namespace daybook::inline v1 {
namespace {

// The same where times are those of the appends, which are in order.
std::optional<ClaimWord> FindAppended(Segment& segment, std::int64_t nanos, ClaimWord from,
                                      ClaimWord end) {
  // The first record at or after `at`: padding and damage have no time.
  const auto next_record = [&](ClaimWord at) {
    std::pair<ClaimWord, FrameStep> found{at, {}};
    // A forged frame may say that it is behind the end.
    while (PositionOf(found.first) < PositionOf(end) && RecordsOf(found.first) < RecordsOf(end)) {
      found.second = StepFrom(segment, found.first);
      if (found.second.next == 0) break;
      if (found.second.state == frame::FrameState::kValid &&
          frame::KindOf(found.second.header.length_word) != frame::Kind::kPadding) {
        return found;
      }
      found.first = found.second.next;
    }
    found.first = end;
    return found;
  };
  ClaimWord at = segment.index().offsets().FindLast(end, [&](ClaimWord word) {
    const auto [place, step] = next_record(word);
    return place != end && step.header.append_time < nanos;
  });
  if (PositionOf(at) < PositionOf(from)) at = from;
  for (;;) {
    const auto [place, step] = next_record(at);
    if (place == end) return std::nullopt;
    if (step.header.append_time >= nanos) return place;
    at = step.next;
  }
}

}  // namespace

FrameStep StepFrom(Segment& segment, ClaimWord at) {
  FrameStep step;
  const std::uint64_t position = PositionOf(at);
  step.state = segment.ReadFrame(position, &step.header);
  if (step.state == frame::FrameState::kNothing) {
    step.next = segment.BehindDeadClaims(position).value_or(0);
    return step;
  }
  if (step.state == frame::FrameState::kBad) {
    const auto found = segment.FindNextFrame({.position = position, .delta = RecordsOf(at)});
    if (found) step.next = MakeClaimWord(found->header.offset_delta, found->position);
    return step;
  }
  step.next = BehindFrame(position, step.header);
  return step;
}

std::uint64_t FindDelta(Segment& segment, std::uint64_t wanted) {
  OffsetIndex& index = segment.index().offsets();
  const ClaimWord end = segment.CommittedEnd();
  if (wanted >= RecordsOf(end)) return PositionOf(end);
  const auto delta = static_cast<std::uint32_t>(wanted);
  ClaimWord at = index.FindDelta(delta, end);
  // Where frames are of one size, the place is known at once, and one cache miss is all it takes.
  // Its checksum says whether a frame does begin there, since it covers the place.
  const ClaimWord above = index.FindPosition(PositionOf(at) + 1, end);
  if (!segment.is_in_memory() && RecordsOf(at) < delta && delta < RecordsOf(above)) {
    const std::uint64_t bytes = PositionOf(above) - PositionOf(at);
    const std::uint64_t records = RecordsOf(above) - RecordsOf(at);
    const std::uint64_t guess = PositionOf(at) + (delta - RecordsOf(at)) * (bytes / records);
    frame::FrameHeader found;
    if (bytes % records == 0 && bytes / records % frame::kFrameAlignment == 0 &&
        frame::Inspect(segment.Bytes(), guess, &found) == frame::FrameState::kValid &&
        frame::KindOf(found.length_word) != frame::Kind::kSeal && found.offset_delta == delta) {
      return guess;
    }
  }
  // The index is a hint: begin there only if a frame does stand there.
  frame::FrameHeader header;
  if (at != kFirstFrame) {
    const bool is_frame = segment.ReadFrame(PositionOf(at), &header) == frame::FrameState::kValid;
    at = is_frame && header.offset_delta <= delta
             ? MakeClaimWord(header.offset_delta, PositionOf(at))
             : kFirstFrame;
  }
  while (PositionOf(at) < PositionOf(end)) {
    const FrameStep step = StepFrom(segment, at);
    // Damage has no offset of its own: it holds all up to the next frame.
    if (step.next == 0 || RecordsOf(step.next) > delta) break;
    if (step.state == frame::FrameState::kValid) index.Note(at, step.next);
    at = step.next;
  }
  return PositionOf(at);
}

std::optional<ClaimWord> FindTime(Segment& segment, Timestamp time, ClaimWord from) {
  const ClaimWord end = segment.CommittedEnd();
  SegmentTimes& times = segment.times();
  return times.HasOwn(segment, end)
             ? times.Find(segment, time, from, end)
             : FindAppended(segment, time.time_since_epoch().count(), from, end);
}

}  // namespace daybook::inline v1
