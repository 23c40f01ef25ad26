#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/planted_bug.h"
#include "io/atomic_replace.h"
#include "segment/segment.h"

// Looking at frames and finding them, by offset and by time.

namespace daybook::inline v1 {

frame::FrameState Segment::ReadFrame(std::uint64_t position, frame::FrameHeader* header) {
  const frame::SegmentBytes bytes = Bytes();
  const std::uint64_t verified = verified_.load(std::memory_order_relaxed);
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
  if (state == frame::FrameState::kNothing && position < found_end_)
    state = frame::FrameState::kBad;
  if (state == frame::FrameState::kValid && position == verified) {
    verified_.store(position + frame::AlignedLength(frame::LengthOf(header->length_word)),
                    std::memory_order_relaxed);
  }
  return state;
}

std::size_t Segment::VerifyPlainRun(Place* place, std::size_t most, std::uint64_t end) {
  const frame::SegmentBytes segment = Bytes();
  if (segment.max_frame_bytes < frame::kFrameHeaderBytes) return 0;
  const std::byte* const data = segment.bytes.data();
  const std::uint64_t limit = std::min<std::uint64_t>(end, segment.bytes.size());
  const std::uint64_t verified = verified_.load(std::memory_order_relaxed);
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
    verified_.store(position, std::memory_order_relaxed);
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
  const std::uint64_t known = PositionOf(index_.FindPosition(place.position + 1, end));
  if (known <= place.position && undecided_at_.load(std::memory_order_relaxed) == place.position) {
    return frame::SearchResult::Unknown();  // there is nothing new to go by
  }
  frame::SearchOptions options;
  if (sealed) options.end_delta = RecordsOf(*sealed);
  frame::FrameSearch search(Bytes(), options);
  auto found = search.FindNextFrame(
      {.position = place.position, .delta = static_cast<std::uint32_t>(place.delta)}, known);
  if (found.is_unknown()) undecided_at_.store(place.position, std::memory_order_relaxed);
  return found;
}

Segment::Step Segment::StepFrom(ClaimWord at) {
  Step step;
  const std::uint64_t position = PositionOf(at);
  step.state = ReadFrame(position, &step.header);
  if (step.state == frame::FrameState::kNothing) {
    step.next = BehindDeadClaims(position).value_or(0);
    return step;
  }
  if (step.state == frame::FrameState::kBad) {
    const auto found = FindNextFrame({.position = position, .delta = RecordsOf(at)});
    if (found) step.next = MakeClaimWord(found->header.offset_delta, found->position);
    return step;
  }
  step.next =
      MakeClaimWord(std::uint64_t{step.header.offset_delta} + frame::OffsetCount(step.header),
                    position + frame::AlignedLength(frame::LengthOf(step.header.length_word)));
  return step;
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
      next = MakeClaimWord(std::uint64_t{header.offset_delta} + frame::OffsetCount(header),
                           position + frame::AlignedLength(frame::LengthOf(length_word)));
      index_.Note(at, next);
    } else {
      next = StepFrom(MakeClaimWord(std::min(RecordsOf(first), RecordsOf(at)), position)).next;
      if (next == 0) break;
    }
    at = next;
  }
  if (at != first) gate_->SetCommitted(at);
  return at;
}

std::uint64_t Segment::FindDelta(std::uint64_t wanted) {
  const ClaimWord end = CommittedEnd();
  if (wanted >= RecordsOf(end)) return PositionOf(end);
  const auto delta = static_cast<std::uint32_t>(wanted);
  ClaimWord at = index_.FindDelta(delta, end);
  // Where frames are of one size, the place is known at once, and one cache miss is all it takes.
  // Its checksum says whether a frame does begin there, since it covers the place.
  const ClaimWord above = index_.FindPosition(PositionOf(at) + 1, end);
  if (!is_in_memory_ && RecordsOf(at) < delta && delta < RecordsOf(above)) {
    const std::uint64_t bytes = PositionOf(above) - PositionOf(at);
    const std::uint64_t records = RecordsOf(above) - RecordsOf(at);
    const std::uint64_t guess = PositionOf(at) + (delta - RecordsOf(at)) * (bytes / records);
    frame::FrameHeader found;
    if (bytes % records == 0 && bytes / records % frame::kFrameAlignment == 0 &&
        frame::Inspect(Bytes(), guess, &found) == frame::FrameState::kValid &&
        frame::KindOf(found.length_word) != frame::Kind::kSeal && found.offset_delta == delta) {
      return guess;
    }
  }
  // The index is a hint: begin there only if a frame does stand there.
  frame::FrameHeader header;
  if (at != kFirstFrame) {
    const bool is_frame = ReadFrame(PositionOf(at), &header) == frame::FrameState::kValid;
    at = is_frame && header.offset_delta <= delta
             ? MakeClaimWord(header.offset_delta, PositionOf(at))
             : kFirstFrame;
  }
  while (PositionOf(at) < PositionOf(end)) {
    const Step step = StepFrom(at);
    // Damage has no offset of its own: it holds all up to the next frame.
    if (step.next == 0 || RecordsOf(step.next) > delta) break;
    if (step.state == frame::FrameState::kValid) index_.Note(at, step.next);
    at = step.next;
  }
  return PositionOf(at);
}

std::optional<ClaimWord> Segment::FindAppended(std::int64_t nanos, ClaimWord from, ClaimWord end) {
  // The first record at or after `at`: padding and damage have no time.
  const auto next_record = [&](ClaimWord at) {
    std::pair<ClaimWord, Step> found{at, {}};
    // A forged frame may say that it is behind the end.
    while (PositionOf(found.first) < PositionOf(end) && RecordsOf(found.first) < RecordsOf(end)) {
      found.second = StepFrom(found.first);
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
  ClaimWord at = index_.FindLast(end, [&](ClaimWord word) {
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

void Segment::LoadIndex(Directory& directory) {
  if (index_loaded_.exchange(true, std::memory_order_relaxed)) return;
  const std::string name = SegmentFileName(base_offset(), ".index");
  const auto encoded = ReadFile(directory, name, header_.capacity);
  // Missing or damaged: look-ups walk, and fill it again as they go.
  if (!encoded.ok()) return;
  const std::size_t slots = OffsetIndex::FileBytes(*encoded);
  index_.Load(header_.segment_id, encoded->substr(0, slots)).IgnoreError();
  times_.Load(*this, std::string_view(*encoded).substr(slots)).IgnoreError();
}

void Segment::SaveIndex(Directory& directory) {
  const std::string name = SegmentFileName(base_offset(), ".index");
  auto file = directory.OpenFile(name, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    if (!directory.RemoveFile(name).ok()) return;
    file = directory.OpenFile(name, FileMode::kCreate);
  }
  if (!file.ok()) return;
  const std::string index = index_.Encode(header_.segment_id, *sealed_end()) + times_.Encode(*this);
  if (!(*file)->WriteAt(0, std::as_bytes(std::span(index))).ok()) {
    directory.RemoveFile(name).IgnoreError();
  }
}

}  // namespace daybook::inline v1
