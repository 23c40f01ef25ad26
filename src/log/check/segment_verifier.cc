#include "log/check/segment_verifier.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "format/open_claims.h"
#include "format/segment_header.h"
#include "log/check/index_truth.h"

namespace daybook::inline v1 {
namespace {

// So many gaps are looked into for what happened there.
constexpr std::size_t kMostDiagnosed = 16;
constexpr char kUndecided[] =
    "a record is damaged, and whether whole ones follow it cannot be decided: too much of what is "
    "there looks like records";

// The bytes of a frame that are no part of what its checksum covers and must be zero: the
// alignment behind a record, the body of a padding frame.
std::uint64_t FirstStrayByte(const std::byte* frame, const frame::FrameHeader& header) {
  const std::uint64_t length = frame::LengthOf(header.length_word);
  std::uint64_t at = frame::KindOf(header.length_word) == frame::Kind::kPadding
                         ? frame::kFrameHeaderBytes
                         : length;
  const std::uint64_t end = frame::AlignedLength(length);
  while (at < end && frame[at] == std::byte{0}) ++at;
  return at == end ? 0 : at;
}

std::uint64_t FindNonZero(std::span<const std::byte> page, std::uint64_t at, std::uint64_t end) {
  while (at < end && page[at] == std::byte{0}) ++at;
  return at;
}

// The segment id that an index file names, damaged or not.
std::optional<std::uint64_t> IdOfIndex(std::optional<std::string_view> index) {
  if (!index || index->size() < 16) return std::nullopt;
  std::uint64_t id;
  std::memcpy(&id, index->data() + 8, sizeof id);
  return id;
}

// The first byte of a header page that should be zero and is not; its size: there is none.
std::uint64_t FirstStrayByteOfPage(std::span<const std::byte> page) {
  std::uint64_t at = sizeof(frame::SegmentHeader);
  for (const auto& [begin, size] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {frame::kCheckpointPositions[0], sizeof(frame::CheckpointSlot)},
           {frame::kCheckpointPositions[1], sizeof(frame::CheckpointSlot)},
           {frame::kClaimBoundPosition, 8}}) {
    at = FindNonZero(page, at, begin);
    if (at != begin) break;
    at += size;
  }
  return FindNonZero(page, at, page.size());
}

// Of a file that ends within its header page: whether it may never have been more, as an open takes
// it.
bool IsUnwritten(std::span<const std::byte> bytes) {
  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  std::copy(bytes.begin(), bytes.end(), page.begin());
  const auto header = frame::DecodeSegmentHeader(page);
  if (!header.ok()) return absl::IsNotFound(header.status());
  return frame::LatestCheckpoint(page, header->segment_id, header->capacity).durable_offset <=
         header->base_offset;
}

// With whole units of alignment alone.
frame::SegmentBytes FramesOf(std::span<const std::byte> bytes, const frame::SegmentHeader& header) {
  return {.bytes = bytes.first(bytes.size() / frame::kFrameAlignment * frame::kFrameAlignment),
          .segment_id = header.segment_id,
          .max_frame_bytes = header.max_frame_bytes};
}

// A claim, or after a power cut a page that never was written.
bool BeginsWithZero(std::span<const std::byte> bytes, std::uint64_t position) {
  return frame::AcquireLengthWord(bytes.data() + position) == 0;
}

// Whether claims that are marked lead to something that was committed, as recovery asks it.
bool HoldsRecordBehindClaims(std::span<const std::byte> bytes, const frame::SegmentHeader& header,
                             std::uint64_t position) {
  const frame::OpenClaims claims = frame::FollowClaims(FramesOf(bytes, header), position);
  return claims.next == frame::OpenClaims::Next::kFrame && claims.claims != 0;
}

// One verification: the walk over all bytes of a segment, and what is told of it.
class SegmentVerifier {
 public:
  SegmentVerifier(const SegmentToVerify& segment, const BootId& boot, const DumpVisitor& visitor)
      : segment_(segment),
        bytes_(segment.bytes.first(segment.bytes.size() / frame::kFrameAlignment *
                                   frame::kFrameAlignment)),
        boot_(boot),
        visitor_(visitor) {
    summary_.file = segment.file;
    summary_.name_base = segment.name_base;
    summary_.file_bytes = segment.bytes.size();
  }

  SegmentVerification Run() && {
    if (CheckHeader()) {
      CheckPage();
      CheckFrames();
      CheckIndex();
    }
    for (const VerifyIssue& issue : result_.issues) summary_.damages += issue.is_damage;
    result_.summary = std::move(summary_);
    return std::move(result_);
  }

 private:
  VerifyIssue& Report(std::uint64_t begin, std::uint64_t end, std::string cause, bool is_damage) {
    result_.issues.push_back({.file = summary_.file,
                              .begin_position = begin,
                              .end_position = end,
                              .begin_offset = std::nullopt,
                              .end_offset = std::nullopt,
                              .cause = std::move(cause),
                              .is_damage = is_damage});
    return result_.issues.back();
  }
  void ReportLoss(std::uint64_t begin, std::uint64_t end, Offset begin_offset,
                  std::optional<Offset> end_offset, std::string cause, bool is_damage) {
    VerifyIssue& issue = Report(begin, end, std::move(cause), is_damage);
    issue.begin_offset = begin_offset;
    issue.end_offset = end_offset;
  }

  Offset At(std::uint32_t delta) const { return summary_.base() + delta; }

  // Whether the frames can be looked at.
  bool CheckHeader() {
    const std::uint64_t header_bytes = std::min(bytes_.size(), frame::kSegmentHeaderBytes);
    const auto header = frame::DecodeSegmentHeader(bytes_.first(header_bytes));
    if (header.ok()) {
      summary_.header = *header;
      CheckName();
      return true;
    }
    const auto version = frame::CheckHeaderVersion(bytes_.first(header_bytes));
    if (!version.ok()) {
      summary_.header_state = HeaderState::kOtherVersion;
      LoseAll(std::string(version.message()), true);
      return false;
    }
    const auto restored = RestoreHeader(bytes_, {.base_offset = segment_.name_base,
                                                 .segment_id = IdOfIndex(segment_.index),
                                                 .neighbour = segment_.neighbour});
    if (restored) {
      summary_.header_state = HeaderState::kRestored;
      summary_.header = *restored;
      Report(0, sizeof *restored,
             absl::StrCat(std::string(header.status().message()),
                          "; what it said can be had back, and the records are checked below"),
             true);
      CheckName();
      return true;
    }
    // The last one may just have been made when the power was cut.
    const bool is_unwritten = header_bytes < frame::kSegmentHeaderBytes
                                  ? IsUnwritten(bytes_)
                                  : absl::IsNotFound(header.status());
    summary_.header_state = is_unwritten ? HeaderState::kUnwritten : HeaderState::kUnreadable;
    LoseAll(header_bytes < frame::kSegmentHeaderBytes
                ? "the file is shorter than the header of a segment"
                : std::string(header.status().message()),
            !is_unwritten || segment_.has_next);
    return false;
  }

  // None of it can be read.
  void LoseAll(std::string cause, bool is_damage) {
    summary_.end_offset = segment_.name_base;
    ReportLoss(0, bytes_.size(), segment_.name_base, std::nullopt, std::move(cause), is_damage);
  }

  void CheckName() {
    if (summary_.base() == segment_.name_base) return;
    Report(0, sizeof summary_.header,
           absl::StrCat("the header says base offset ", summary_.header.base_offset,
                        ": the file was renamed, or holds another one's bytes"),
           true);
  }

  void CheckPage() {
    const auto page = bytes_.first(frame::kSegmentHeaderBytes);
    // What lies beyond the end of the file was cut off.
    if (frame::HasBadCheckpoint(page, summary_.header.segment_id, summary_.header.capacity)) {
      Report(frame::kCheckpointPositions[0], frame::kCheckpointPositions[1] + 64,
             "a checkpoint slot is damaged, or was being written", true);
    }
    if (frame::HasBadClaimBound(page, summary_.header.segment_id)) {
      Report(frame::kClaimBoundPosition, frame::kClaimBoundPosition + 8,
             "the claim bound is damaged", true);
    }
    const std::uint64_t at = FirstStrayByteOfPage(page);
    if (at != page.size()) Report(at, at + 1, "a byte of the header page is not zero", true);
  }

  void Visit(std::uint64_t position, const frame::FrameHeader& header) {
    const std::byte* at = bytes_.data() + position;
    if (const std::uint64_t stray = FirstStrayByte(at, header); stray != 0) {
      Report(position + stray, position + stray + 1, "a byte between two frames is not zero", true);
    }
    if (visitor_) {
      visitor_({.segment = &summary_, .position = position, .header = header, .frame = at});
    }
    const frame::Kind kind = frame::KindOf(header.length_word);
    const std::uint64_t length = frame::AlignedLength(frame::LengthOf(header.length_word));
    if (kind != frame::Kind::kPadding) summary_.records += frame::OffsetCount(header);
    summary_.frame_bytes += length;
    if (frame::HoldsEntries(kind) && (header.attributes & frame::kBatchCompressed) != 0) {
      const std::uint32_t dictionary = frame::DictionaryOf(header.attributes);
      if (dictionary != 0) result_.dictionaries.try_emplace(dictionary, At(header.offset_delta));
    }
    truth_->Note(position, at, header);
  }

  void CheckFrames() {
    const auto page = bytes_.first(frame::kSegmentHeaderBytes);
    const frame::CheckpointSlot& slot = summary_.checkpoint =
        frame::LatestCheckpoint(page, summary_.header.segment_id, summary_.header.capacity);
    // Below this everything is known to have been whole.
    const bool is_same_boot = slot.sequence != 0 && slot.boot_id == boot_;
    const bool was_whole = segment_.was_whole || (segment_.has_later_of_boot && !is_same_boot);
    const std::uint64_t known_whole =
        is_same_boot ? slot.committed_position : slot.durable_position;

    truth_.emplace(summary_.header.capacity);
    const frame::SegmentBytes segment = FramesOf(bytes_, summary_.header);
    frame::ScanResult& scan = summary_.scan;
    scan = frame::Scan(segment, {},
                       [this](std::uint64_t position, const frame::FrameHeader& header) {
                         Visit(position, header);
                       },
                       {.search = {.hashed_per_byte = frame::kHashedPerByteOfRepair,
                                   .trusts_marks = is_same_boot && !was_whole}});
    summary_.padding_bytes = scan.padding_bytes;
    summary_.is_sealed = scan.is_sealed;
    summary_.end_offset = At(scan.end_delta);
    std::size_t diagnosed = 0;
    for (const frame::Gap& gap : scan.gaps) {
      if (gap.bytes() == 0) {
        ReportLoss(gap.begin_position, gap.end_position, At(gap.begin_delta), At(gap.end_delta),
                   "offsets are missing between two frames: no crash does that", true);
        continue;
      }
      // What a power cut can have left, the next open cuts off: whole pages, the head of a record
      // and not its body among them. Where segments follow it is not known that it can.
      const bool is_zero = gap.is_uncommitted || BeginsWithZero(bytes_, gap.begin_position);
      const bool is_torn = slot.sequence != 0 && !segment_.has_next;
      const bool is_crash = gap.is_uncommitted || (!is_same_boot && (is_zero || is_torn));
      if (is_crash && gap.begin_position >= known_whole && !was_whole) {
        ReportLoss(gap.begin_position, gap.end_position, At(gap.begin_delta), At(gap.end_delta),
                   is_zero ? "a claim that was not committed" : "torn by a power cut", false);
        continue;
      }
      if (IsPlanted(PlantedBug::kVerifyFirstGapOnly) && diagnosed != 0) break;
      ReportLoss(gap.begin_position, gap.end_position, At(gap.begin_delta), At(gap.end_delta),
                 gap.may_hold_frames ? kUndecided
                 : diagnosed++ < kMostDiagnosed
                     ? CauseOfGap(segment, gap.begin_position, gap.end_position)
                     : "a record is damaged: its checksum or its fields are wrong",
                 true);
    }
    CheckTail(known_whole, was_whole, slot.sequence != 0 && !is_same_boot);
    if (segment_.has_next && !scan.is_sealed && summary_.scan.end_position >= known_whole) {
      // After a power cut the next open seals it where it ends.
      Report(scan.end_position, scan.end_position, "the seal is missing, though segments follow",
             is_same_boot || slot.sequence == 0 || was_whole);
    }
  }

  void CheckTail(std::uint64_t known_whole, bool was_whole, bool is_other_boot) {
    const frame::ScanResult& scan = summary_.scan;
    const frame::CheckpointSlot& slot = summary_.checkpoint;
    const Offset end = summary_.end_offset;
    if (scan.end_position < known_whole) {
      const Offset known_end(known_whole == slot.committed_position ? slot.committed_offset
                                                                    : slot.durable_offset);
      const bool is_seal_alone = known_end <= end;
      ReportLoss(scan.end_position, known_whole, end, std::max(end, known_end),
                 is_seal_alone ? "the seal is damaged"
                               : "frames that were there at the last checkpoint are damaged",
                 true);
      return;
    }
    if (scan.is_end_unknown && (was_whole || !is_other_boot)) {
      ReportLoss(scan.end_position, scan.end_position + scan.tail_bytes, end, std::nullopt,
                 kUndecided, true);
      return;
    }
    if (was_whole && !scan.is_sealed) {
      ReportLoss(scan.end_position, scan.end_position + scan.tail_bytes, end, std::nullopt,
                 "the end of it is damaged, though a later segment says that it was whole", true);
      return;
    }
    if (scan.tail_bytes == 0) return;
    // A length word is stored last: with one, the record was whole when the process was killed.
    const bool was_committed = !BeginsWithZero(bytes_, scan.end_position);
    const std::uint64_t tail_end = scan.end_position + scan.tail_bytes;
    if (scan.is_sealed) {
      Report(scan.end_position, tail_end, "there are bytes behind the seal", true);
    } else if (was_committed && is_other_boot) {
      Report(scan.end_position, tail_end, "the last record was torn by a power cut", false);
    } else if (was_committed) {
      ReportLoss(scan.end_position, tail_end, end, std::nullopt, "the last record is damaged",
                 true);
    } else if (!is_other_boot &&
               HoldsRecordBehindClaims(bytes_, summary_.header, scan.end_position)) {
      ReportLoss(scan.end_position, tail_end, end, std::nullopt,
                 "a record behind a claim that was not committed is damaged", true);
    } else {
      Report(scan.end_position, tail_end, "a claim that was not committed", false);
    }
  }

  void CheckIndex() {
    if (!segment_.index || !summary_.is_sealed) return;
    const std::string fault = truth_->FaultOf(*segment_.index, summary_.header.segment_id);
    if (fault.empty()) return;
    summary_.has_bad_index = true;
    VerifyIssue& issue =
        Report(0, segment_.index->size(), fault + "; it is a hint, and made anew", false);
    issue.file = SegmentFileName(segment_.name_base, ".index");
  }

  const SegmentToVerify& segment_;
  const std::span<const std::byte> bytes_;
  const BootId& boot_;
  const DumpVisitor& visitor_;
  SegmentVerification result_;
  SegmentSummary summary_;
  std::optional<IndexTruth> truth_;
};

}  // namespace

SegmentVerification VerifySegment(const SegmentToVerify& segment, const BootId& boot,
                                  const DumpVisitor& visitor) {
  return SegmentVerifier(segment, boot, visitor).Run();
}

FramePlace PlaceBefore(std::span<const std::byte> bytes, const frame::SegmentHeader& header,
                       Offset offset) {
  const Offset base(header.base_offset);
  FramePlace place{.position = frame::kSegmentHeaderBytes, .offset = base};
  bool is_behind = false;
  frame::Scan(FramesOf(bytes, header), {},
              [&](std::uint64_t position, const frame::FrameHeader& frame) {
                const Offset end = base + frame.offset_delta + frame::OffsetCount(frame);
                is_behind = is_behind || end > offset;
                if (is_behind || frame::KindOf(frame.length_word) == frame::Kind::kSeal) return;
                place = {
                    .position = position + frame::AlignedLength(frame::LengthOf(frame.length_word)),
                    .offset = end};
              },
              {.search = {.hashed_per_byte = frame::kHashedPerByteOfRepair}});
  return place;
}

}  // namespace daybook::inline v1
