#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/page.h"
#include "base/planted_bug.h"
#include "format/open_claims.h"
#include "format/segment_header.h"
#include "segment/index/segment_search.h"
#include "segment/segment.h"

// Opening a segment that an earlier process wrote. What to do with the frames behind the last
// checkpoint is decided by two questions: is the page cache that they were written to still the
// same (same boot), and is a hole among them a claim that never was committed?
//
//   same boot   uncommitted hole   padding; what follows stays: it was acknowledged
//               damaged frame      stays, and readers are told: it was acknowledged, too
//               damaged seal       written again where it stood
//               dirty tail         a claim whose thread died: sealed there, go on in a new file
//                                  (damaged frames in it stay: they were acknowledged, too)
//               not decidable      nothing is changed, and nothing appended: readers are told, and
//                                  repair takes its time (format/frame_search.h)
//   other boot  hole or damage     the kernel had not yet written that page; nothing behind it was
//                                  promised to survive (it is above the durable mark): cut there
//               dirty tail         the same
//               but where a later segment is durable, and so this one was synced whole before it,
//               hole and damage    stay, and readers are told
//
// Below the durable mark nothing is scanned, and nothing is ever cut: what is bad there is damage,
// which readers report.

namespace daybook::inline v1 {
namespace {

constexpr ClaimWord kSealWord = MakeClaimWord(0, frame::kSealBytes);

// `at`: where a frame begins. Whether a seal was committed there that is damaged now.
bool IsDamagedSeal(const Segment& segment, ClaimWord at) {
  const std::uint64_t position = PositionOf(at);
  if (position + frame::kSealBytes > segment.Bytes().bytes.size()) return false;
  const std::uint32_t length_word = frame::AcquireLengthWord(segment.At(position));
  if (length_word == 0) return false;
  // Others end before the room that is left for the seal.
  if (position + frame::kFrameHeaderBytes > segment.highest_limit()) return true;
  constexpr std::uint32_t kSealLength = frame::LengthWord(frame::Kind::kSeal, frame::kSealBytes);
  const frame::FrameHeader header = frame::LoadFrameHeader(segment.At(position), length_word);
  if (length_word == kSealLength) {
    return header.offset_delta == RecordsOf(at) || header.attributes == 0;
  }
  return header.checksum == frame::ChecksumOf(segment.At(position), kSealLength, position,
                                              segment.header().segment_id);
}

// Where the seal begins that the checkpoint has behind it and that is damaged now; otherwise
// `trusted`.
ClaimWord BeforeDamagedSeal(const Segment& segment, ClaimWord trusted) {
  const std::uint64_t behind = PositionOf(trusted);
  if (behind < frame::kSegmentHeaderBytes + frame::kSealBytes) return trusted;
  const ClaimWord at = trusted - kSealWord;
  if (!IsDamagedSeal(segment, at)) return behind > segment.highest_limit() ? at : trusted;
  if (behind > segment.highest_limit()) return at;
  // The end of a record can look like one: the frames before it tell whether a frame begins there.
  frame::SegmentBytes bytes = segment.Bytes();
  bytes.bytes = bytes.bytes.first(PositionOf(at));
  return frame::Scan(bytes, {}).end_position == PositionOf(at) ? at : trusted;
}

}  // namespace

// One recovery of a segment, before it is shared: finds the end of what was written before, and
// makes it fit to go on.
class Segment::Recoverer {
 public:
  // All must outlive it.
  Recoverer(Segment& segment, Directory& directory, const BootId& boot,
            std::optional<Offset> next_base, Timestamp now)
      : segment_(segment),
        file_(segment.file_),
        header_(segment.header_),
        directory_(directory),
        boot_(boot),
        next_base_(next_base),
        now_(now) {}

  absl::StatusOr<SegmentRecovery> Run(bool is_durable) &&;

 private:
  // The file is shorter than its checkpoint says that it was.
  absl::Status CutShort(std::uint64_t known_end) const;
  // Behind the last whole frame, at `end`: passes what was committed there and is damaged now,
  // which keeps its offsets, and pads open claims on the way. Returns where to seal.
  ClaimWord PassDamagedTail(ClaimWord end, std::uint64_t tail_bytes);
  // Blocks for so much of the file. DataLoss: that is more than it can have.
  absl::Status EnsureBytes(std::uint64_t file_bytes);
  // Claims begin at `end`, for which there is room at least for a seal.
  absl::Status GoOnAt(ClaimWord end);
  // Seals at `end`, and clears whatever is behind.
  absl::Status CutAt(ClaimWord end);

  Segment& segment_;
  SegmentFile& file_;
  const frame::SegmentHeader& header_;
  Directory& directory_;
  const BootId& boot_;
  const std::optional<Offset> next_base_;
  const Timestamp now_;
  SegmentRecovery recovery_;
};

ClaimWord Segment::LoadCheckpoint(const BootId& boot) {
  const auto trusted = checkpoint_.Load(boot);
  if (!trusted) return kFirstFrame;
  bounds_.SetHoleEnd(PositionOf(*trusted));
  return *trusted;
}

bool Segment::AdoptSeal(std::uint64_t position) {
  if (position < frame::kSegmentHeaderBytes + frame::kSealBytes) return false;
  position -= frame::kSealBytes;
  frame::FrameHeader header;
  if (frame::Inspect(Bytes(), position, &header) != frame::FrameState::kValid ||
      frame::KindOf(header.length_word) != frame::Kind::kSeal) {
    return false;
  }
  const ClaimWord end = MakeClaimWord(header.offset_delta, position);
  gate_->BeginAt(end);
  bounds_.SetSealedEnd(end);
  file_.StartClosing();
  return true;
}

bool Segment::AdoptCheckpoint(ClaimWord trusted) {
  if (!AdoptSeal(PositionOf(trusted))) return false;
  checkpoint_.NoteFoundSeal(PositionOf(trusted));
  return true;
}

absl::Status Segment::Recoverer::CutShort(std::uint64_t known_end) const {
  return absl::DataLossError(absl::StrCat(segment_.path_, ": it has ", file_.bytes(),
                                          " bytes, and had ", known_end,
                                          " once; it was cut short from outside: repair the "
                                          "directory (Repair, or `daybook repair`) to go on"));
}

ClaimWord Segment::Recoverer::PassDamagedTail(ClaimWord end, std::uint64_t tail_bytes) {
  frame::SegmentBytes bytes = segment_.Bytes();
  const std::uint64_t stop =
      std::min({PositionOf(end) + frame::AlignedLength(tail_bytes), segment_.highest_limit(),
                std::uint64_t{bytes.bytes.size()}});
  ClaimWord kept = end;
  bool is_sealed = false;
  while (PositionOf(kept) < stop && !is_sealed) {
    std::uint64_t position = PositionOf(kept);
    std::uint64_t delta = RecordsOf(kept);
    if (frame::AcquireLengthWord(segment_.At(position)) == 0) {
      const frame::OpenClaims claims = frame::FollowClaims(bytes, position);
      // Where no claim is marked nobody has claimed: what stands behind those zeros is no record.
      if (claims.next != frame::OpenClaims::Next::kFrame || claims.claims == 0) break;
      // What follows the claims says how many offsets they took, if it says something that can be.
      frame::Gap gap{.begin_position = position,
                     .end_position = claims.position,
                     .begin_delta = RecordsOf(kept)};
      const std::uint64_t most = gap.bytes() / frame::kFrameHeaderBytes;
      const std::uint32_t said =
          frame::LoadFrameHeader(segment_.At(claims.position), 0).offset_delta;
      const std::uint64_t least = delta + std::max<std::uint64_t>(claims.claims, 1);
      delta = said >= least && said <= delta + most * frame::kMaxBatchRecords ? said : least;
      position = claims.position;
      gap.end_delta = static_cast<std::uint32_t>(delta);
      if (most != 0) {
        frame::PadGap(file_.data(), gap, header_.segment_id);
        ++recovery_.claims_padded;
      }
    }
    is_sealed = IsDamagedSeal(segment_, MakeClaimWord(delta, position));
    if (!is_sealed) {
      const std::uint32_t length_word = frame::AcquireLengthWord(segment_.At(position));
      const std::uint64_t length = frame::AlignedLength(frame::LengthOf(length_word));
      const bool has_head = position + frame::kFrameHeaderBytes <= stop;
      const bool is_inside = length >= frame::kFrameHeaderBytes && length <= stop - position;
      delta += has_head ? std::max(1U, frame::OffsetCount(frame::LoadFrameHeader(
                                           segment_.At(position), length_word)))
                        : 1;
      position = is_inside ? position + length : stop;
    }
    kept = MakeClaimWord(delta, position);
  }
  // The seal alone is left.
  is_sealed =
      is_sealed || (PositionOf(kept) == segment_.highest_limit() && IsDamagedSeal(segment_, kept));
  if (!is_sealed) {  // what is left are claims that nobody committed
    const std::uint64_t tail_end = PositionOf(end) + tail_bytes;
    recovery_.torn_bytes = tail_end - std::min(tail_end, PositionOf(kept));
    if (kept == end) return end;
  }
  segment_.bounds_.RaiseHoleEnd(PositionOf(kept));  // zeros before it are a hole
  // The next segment knows better how many offsets that was. None, if it was the seal.
  if (next_base_ && *next_base_ >= segment_.base_offset() + RecordsOf(end)) {
    kept = MakeClaimWord(static_cast<std::uint64_t>(*next_base_ - segment_.base_offset()),
                         PositionOf(kept));
  }
  return kept;
}

absl::Status Segment::Recoverer::EnsureBytes(std::uint64_t file_bytes) {
  if (file_bytes > header_.capacity) {
    return absl::DataLossError(absl::StrCat(segment_.path_, ": it ends behind position ",
                                            segment_.highest_limit(),
                                            ", where no record can end: repair the directory "
                                            "(Repair, or `daybook repair`) to go on"));
  }
  return file_bytes <= file_.bytes() ? absl::OkStatus() : file_.Allocate(file_bytes);
}

absl::Status Segment::Recoverer::GoOnAt(ClaimWord end) {
  // A power cut can leave a file that ends right behind its last frame.
  if (auto status = EnsureBytes(PositionOf(end) + frame::kSealBytes); !status.ok()) return status;
  file_.Grant(PositionOf(end), true);
  segment_.gate_->BeginAt(end);
  return absl::OkStatus();
}

absl::Status Segment::Recoverer::CutAt(ClaimWord end) {
  const std::uint64_t position = PositionOf(end);
  const std::uint64_t behind = position + frame::kSealBytes;
  if (const auto status = EnsureBytes(behind); !status.ok()) return status;
  segment_.gate_->BeginAt(end);
  file_.StartClosing();
  // A kill in the middle of this must not make a part of the log of what is left behind the end:
  // nobody looks there any more. Nor may the end be taken for a clean one.
  if (frame::AcquireFrameWord(segment_.At(position)) == 0) {
    frame::MarkClaim(segment_.At(position), position, frame::kSealBytes, header_.segment_id);
  }
  file_.PrepareSeal(behind);
  const std::uint64_t file_bytes = file_.bytes();
  // Whatever is left of the page, then whole pages.
  const std::uint64_t page_end = std::min(RoundUpToPage(behind), file_bytes);
  if (page_end > behind) std::memset(segment_.At(behind), 0, page_end - behind);
  segment_.Seal(end, now_);
  return absl::OkStatus();
}

absl::StatusOr<SegmentRecovery> Segment::Recoverer::Run(bool is_durable) && {
  // What is durable was synced with the size, and in the same boot nothing is lost at all.
  const std::uint64_t known_end = segment_.checkpoint_.KnownEnd(boot_);
  if (known_end > file_.bytes()) return CutShort(known_end);
  ClaimWord trusted = segment_.LoadCheckpoint(boot_);
  if (segment_.AdoptCheckpoint(trusted)) {
    recovery_.state = SegmentState::kSealed;
    // By an earlier recovery, perhaps, that the power cut short before it had dropped the rest.
    recovery_.was_cut =
        next_base_ && *next_base_ != segment_.base_offset() + RecordsOf(*segment_.sealed_end());
    return recovery_;
  }
  trusted = BeforeDamagedSeal(segment_, trusted);
  const bool is_same_boot = segment_.IsOfBoot(boot_);
  // The blocks may be gone with the power, though the size is not. In the same boot they are not,
  // but for those behind a seal, which were given back: they are not needed, and there may be none.
  if (!is_same_boot) {
    if (const auto status = file_.Allocate(file_.bytes()); !status.ok()) return status;
  }
  segment_.index_.MarkLoaded();

  frame::SegmentBytes bytes = segment_.Bytes();
  if (is_same_boot) {
    // Behind the bound there is nothing: to look there would fetch every page of the file.
    const auto bound =
        frame::DecodeClaimBound(bytes.bytes.first(frame::kSegmentHeaderBytes), header_.segment_id);
    if (bound && *bound >= PositionOf(trusted) && *bound < bytes.bytes.size()) {
      bytes.bytes = bytes.bytes.first(*bound);
    }
  }
  frame::ScanResult scan =
      frame::Scan(bytes, {.position = PositionOf(trusted), .delta = RecordsOf(trusted)},
                  [this](std::uint64_t position, const frame::FrameHeader& header) {
                    segment_.index_.offsets().Note(MakeClaimWord(header.offset_delta, position),
                                                   BehindFrame(position, header));
                  },
                  {.search = {.trusts_marks = is_same_boot},
                   .ends_at_gap = !is_same_boot && !is_durable,
                   .looks_behind_seal = !is_same_boot});
  recovery_.scanned_bytes = scan.end_position - PositionOf(trusted) + scan.searched_bytes;
  if (scan.is_end_unknown) {
    return absl::DataLossError(absl::StrCat(
        segment_.path_, ": damage at position ", scan.end_position, ", from offset ",
        header_.base_offset + scan.end_delta,
        " on; whether whole records follow in this file could not be decided, and so it is left as "
        "it is: repair the directory (Repair, or `daybook repair`) to go on"));
  }
  // Offsets that are missing between two whole frames are no trace of a crash: readers are told.
  std::erase_if(scan.gaps, [](const frame::Gap& gap) { return gap.bytes() == 0; });
  ClaimWord end = MakeClaimWord(scan.end_delta, scan.end_position);
  if (is_same_boot && !scan.is_sealed) {
    if (const auto status = file_.Allocate(file_.bytes()); !status.ok()) return status;
  }

  const bool keeps_damage = is_durable && !is_same_boot && (!scan.gaps.empty() || !scan.is_sealed);
  if (!is_same_boot && !keeps_damage) {
    if (scan.is_sealed) end -= kSealWord;
    if (!scan.gaps.empty()) {
      end = MakeClaimWord(scan.gaps.front().begin_delta, scan.gaps.front().begin_position);
    }
    const bool is_clean =
        (scan.gaps.empty() && scan.tail_bytes == 0) || IsPlanted(PlantedBug::kKeepsStaleTail);
    if (is_clean && !scan.is_sealed && !next_base_) {
      if (const auto status = GoOnAt(end); !status.ok()) return status;
      segment_.Checkpoint(boot_);
      return recovery_;
    }
    recovery_.state = SegmentState::kSealed;
    recovery_.was_cut = next_base_ && *next_base_ != segment_.base_offset() + RecordsOf(end);
    if (!is_clean && !IsDamagedSeal(segment_, end)) {
      recovery_.torn_bytes = scan.end_position + scan.tail_bytes - PositionOf(end);
    }
    if (const auto status = CutAt(end); !status.ok()) return status;
    if (const auto status = segment_.Tidy(directory_); !status.ok()) return status;
    // From now on what was kept is durable, so that a cut in the middle of this changes nothing.
    if (const auto status = segment_.Sync(directory_, end, boot_); !status.ok()) return status;
    return recovery_;
  }

  segment_.bounds_.SetHoleEnd(PositionOf(end));  // zeros before it are a hole, too
  for (const frame::Gap& gap : scan.gaps) {
    if (keeps_damage) break;
    // Less than a frame is no claim; nor is what was committed and may be damaged now.
    if (!gap.is_uncommitted || gap.bytes() < frame::kFrameHeaderBytes) {
      continue;
    }
    frame::Gap padded = gap;
    if (IsPlanted(PlantedBug::kPaddingSwallowsRecord)) {
      padded.end_position += frame::AlignedLength(
          frame::LengthOf(frame::AcquireLengthWord(segment_.At(gap.end_position))));
    }
    frame::PadGap(file_.data(), padded, header_.segment_id);
    ++recovery_.claims_padded;
  }
  if (scan.is_sealed) {
    segment_.AdoptSeal(scan.end_position);
    recovery_.state = SegmentState::kSealed;
    // A kill may have come between the seal and that.
    file_.Trim(directory_, scan.end_position).IgnoreError();
  } else if (scan.tail_bytes != 0 || next_base_) {
    end = PassDamagedTail(end, scan.tail_bytes);
    recovery_.state = SegmentState::kSealed;
    if (const auto status = CutAt(end); !status.ok()) return status;
    if (const auto status = segment_.Tidy(directory_); !status.ok()) return status;
  } else if (const auto status = GoOnAt(end); !status.ok()) {
    return status;
  }
  segment_.Checkpoint(boot_);
  if (keeps_damage) {
    if (const auto status = segment_.Sync(directory_, *segment_.sealed_end(), boot_); !status.ok())
      return status;
  }
  return recovery_;
}

absl::StatusOr<SegmentRecovery> Segment::Recover(Directory& directory, const BootId& boot,
                                                 std::optional<Offset> next_base, Timestamp now,
                                                 bool is_durable) {
  return Recoverer(*this, directory, boot, next_base, now).Run(is_durable);
}

}  // namespace daybook::inline v1
