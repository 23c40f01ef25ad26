#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "base/planted_bug.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"

// Looking at frames: whether they are whole, and how far they are committed.

namespace daybook::inline v1 {

frame::FrameState Segment::ReadFrame(std::uint64_t position, frame::FrameHeader* header) {
  const frame::SegmentBytes bytes = Bytes();
  const std::uint64_t verified = bounds_.verified_end();
  if (position < verified) {
    const std::byte* at = At(position);
    const std::uint32_t length_word = frame::AcquireLengthWord(at);
    if (length_word == 0) return frame::FrameState::kNothing;  // in memory alone
    // An index that was made to mislead can bring us to what is no frame.
    const std::uint64_t length = frame::LengthOf(length_word);
    if (length < frame::kFrameHeaderBytes ||
        frame::AlignedLength(length) > bytes.bytes.size() - position) {
      return frame::FrameState::kBad;
    }
    *header = frame::LoadFrameHeader(at, length_word);
    return frame::FrameState::kValid;
  }
  frame::FrameState state = frame::Inspect(bytes, position, header);
  // The file may have grown between the look at how far it goes and the look at the length word;
  // now that this was acquired, what it was grown for is seen, too.
  if (state == frame::FrameState::kBad) state = frame::Inspect(Bytes(), position, header);
  if (state == frame::FrameState::kNothing && IsHole(position)) state = frame::FrameState::kBad;
  if (state == frame::FrameState::kValid && position == verified) {
    bounds_.SetVerifiedEnd(position + frame::AlignedLength(frame::LengthOf(header->length_word)));
  }
  return state;
}

std::size_t Segment::VerifyPlainRun(Place* place, std::size_t most, std::uint64_t end) {
  const frame::SegmentBytes segment = Bytes();
  if (segment.max_frame_bytes < frame::kFrameHeaderBytes) return 0;
  const std::byte* const data = segment.bytes.data();
  const std::uint64_t limit = std::min<std::uint64_t>(end, segment.bytes.size());
  const std::uint64_t verified = bounds_.verified_end();
  std::uint64_t position = place->position;
  std::uint64_t delta = place->delta;
  // It can be moved on only by who begins at or before it.
  const bool moves_verified = position <= verified;
  constexpr std::uint32_t kLeastWord =
      frame::LengthWord(frame::Kind::kRecord, frame::kFrameHeaderBytes);
  const std::uint32_t most_bytes = segment.max_frame_bytes - frame::kFrameHeaderBytes;
  std::size_t passed = 0;
  for (; passed < most && position + frame::kFrameHeaderBytes <= limit; ++passed) {
    const std::byte* const at = data + position;
    const std::uint64_t frame_word = frame::AcquireFrameWord(at);
    const auto word = static_cast<std::uint32_t>(frame_word);
    const std::uint64_t length = frame::LengthOf(word);
    const std::uint64_t next = position + frame::AlignedLength(length);
    // A record, not shorter than its head and not longer than a frame may be.
    if (word - kLeastWord > most_bytes || next > limit) break;
    frame::FrameHead head;
    std::memcpy(&head, at + offsetof(frame::FrameHeader, append_time), sizeof head);
    if (static_cast<std::uint32_t>(head.rest) != delta) break;
    if (position >= verified) {
      if (head.rest >> 32 != 0 &&
          !frame::PlainRecordIsWellFormed(frame::LoadFrameHeader(at, word))) {
        break;
      }
      const std::uint64_t body_hash =
          Hash64({at + frame::kFrameHeaderBytes,
                  static_cast<std::size_t>(length) - frame::kFrameHeaderBytes});
      if (frame::ChecksumOf(head, body_hash, word, position, segment.segment_id) !=
              frame_word >> 32 &&
          !IsPlanted(PlantedBug::kNoChecksum)) {
        break;
      }
    } else if (head.rest >> 32 & frame::kHasHeaders) {
      break;
    }
    position = next;
    ++delta;
  }
  if (moves_verified && position > verified) {
    bounds_.SetVerifiedEnd(position);
  }
  *place = {.position = position, .delta = delta};
  return passed;
}

frame::SearchResult Segment::FindNextFrame(const Place& place) {
  frame::FrameHeader header;
  if (ReadFrame(place.position, &header) == frame::FrameState::kValid &&
      header.offset_delta > place.delta) {
    return frame::FoundFrame{.position = place.position, .header = header};
  }
  if (place.delta > std::numeric_limits<std::uint32_t>::max()) return {};
  const auto sealed = sealed_end();
  const ClaimWord end = sealed ? *sealed : gate_->committed();
  const std::uint64_t known = PositionOf(index_.offsets().FindPosition(place.position + 1, end));
  if (known <= place.position && bounds_.IsUndecidedAt(place.position)) {
    return frame::SearchResult::Unknown();  // there is nothing new to go by
  }
  frame::SearchOptions options;
  if (sealed) options.end_delta = RecordsOf(*sealed);
  frame::FrameSearch search(Bytes(), options);
  auto found = search.FindNextFrame(
      {.position = place.position, .delta = static_cast<std::uint32_t>(place.delta)}, known);
  if (found.is_unknown()) bounds_.NoteUndecidedAt(place.position);
  return found;
}

ClaimWord Segment::CommittedEnd() {
  ClaimWord at = gate_->committed();
  if (is_in_memory_) return CommittedEndInMemory(at);
  const ClaimWord first = at;
  for (;;) {
    const std::uint64_t position = PositionOf(at);
    if (const auto sealed = sealed_end(); sealed && position >= PositionOf(*sealed)) break;
    if (position > file_.limit()) break;
    // Whether it is committed is all that counts here; what it holds is checked when it is read.
    SchedulingPoint();
    const std::uint32_t length_word = frame::AcquireLengthWord(At(position));
    if (length_word == 0) {
      const auto behind = BehindDeadClaims(position);
      if (!behind) break;
      at = *behind;
      continue;
    }
    frame::FrameHeader header;
    ClaimWord next;
    // What it says of offsets is taken from each alone, so that one that is damaged misleads nobody
    // about those behind it; but offsets that go back are believed of a whole frame only, since
    // what is not one may be a page of another segment.
    if (frame::IsWellFormed(Bytes(), position, length_word, &header) &&
        (header.offset_delta >= RecordsOf(at) ||
         frame::Inspect(Bytes(), position, &header) == frame::FrameState::kValid)) {
      if (frame::KindOf(length_word) == frame::Kind::kSeal) break;
      next = BehindFrame(position, header);
      index_.offsets().Note(at, next);
    } else {
      const auto delta = std::min(RecordsOf(first), RecordsOf(at));
      next = StepFrom(*this, MakeClaimWord(delta, position)).next;
      if (next == 0) break;
    }
    at = next;
  }
  if (at != first) gate_->SetCommitted(at);
  return at;
}

}  // namespace daybook::inline v1
