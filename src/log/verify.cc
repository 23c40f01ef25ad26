#include "log/verify.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "format/scan.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

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

class SegmentVerifier {
 public:
  SegmentVerifier(PartitionVerification* result, std::string file, const BootId& boot,
                  const DumpVisitor& visitor)
      : result_(result), boot_(boot), visitor_(visitor) {
    summary_.file = std::move(file);
  }

  // `base` is from the file's name, `end` the base offset of the next segment, if there is one.
  void Run(std::span<const std::byte> bytes, Offset base, std::optional<Offset> next_base) {
    if (bytes.size() < frame::kSegmentHeaderBytes) {
      // The last one may just have been made when the power was cut.
      Report(0, bytes.size(), "the file is shorter than the header of a segment",
             next_base.has_value());
      return;
    }
    const auto header = frame::DecodeSegmentHeader(bytes.first(frame::kSegmentHeaderBytes));
    if (!header.ok()) {
      // Never synced: nothing in it was promised, and the next open removes it.
      Report(0, frame::kSegmentHeaderBytes, std::string(header.status().message()),
             !absl::IsNotFound(header.status()) || next_base.has_value());
      return;
    }
    summary_.header = *header;
    if (header->base_offset != base.value()) {
      Report(0, sizeof *header, absl::StrCat("the header says base offset ", header->base_offset),
             true);
    }
    CheckPage(bytes);
    CheckFrames(bytes, next_base);
    result_->segments.push_back(summary_);
  }

 private:
  void Report(std::uint64_t begin, std::uint64_t end, std::string cause, bool is_damage,
              std::optional<Offset> begin_offset = std::nullopt,
              std::optional<Offset> end_offset = std::nullopt) {
    result_->issues.push_back({.file = summary_.file,
                               .begin_position = begin,
                               .end_position = end,
                               .begin_offset = begin_offset,
                               .end_offset = end_offset,
                               .cause = std::move(cause),
                               .is_damage = is_damage});
  }

  Offset At(std::uint32_t delta) const { return Offset(summary_.header.base_offset) + delta; }

  void CheckPage(std::span<const std::byte> bytes) {
    const auto page = bytes.first(frame::kSegmentHeaderBytes);
    if (frame::HasBadCheckpoint(page, summary_.header.segment_id, bytes.size())) {
      Report(frame::kCheckpointPositions[0], frame::kCheckpointPositions[1] + 64,
             "a checkpoint slot is damaged, or was being written", true);
    }
    if (frame::HasBadClaimBound(page, summary_.header.segment_id)) {
      Report(frame::kClaimBoundPosition, frame::kClaimBoundPosition + 8,
             "the claim bound is damaged", true);
    }
    std::uint64_t at = sizeof(frame::SegmentHeader);
    for (const auto& [begin, size] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
             {frame::kCheckpointPositions[0], sizeof(frame::CheckpointSlot)},
             {frame::kCheckpointPositions[1], sizeof(frame::CheckpointSlot)},
             {frame::kClaimBoundPosition, 8}}) {
      at = FindNonZero(page, at, begin);
      if (at != begin) break;
      at += size;
    }
    at = FindNonZero(page, at, page.size());
    if (at != page.size()) Report(at, at + 1, "a byte of the header page is not zero", true);
  }

  static std::uint64_t FindNonZero(std::span<const std::byte> page, std::uint64_t at,
                                   std::uint64_t end) {
    while (at < end && page[at] == std::byte{0}) ++at;
    return at;
  }

  void CheckFrames(std::span<const std::byte> bytes, std::optional<Offset> next_base) {
    const frame::CheckpointSlot slot = frame::LatestCheckpoint(
        bytes.first(frame::kSegmentHeaderBytes), summary_.header.segment_id, bytes.size());
    // Below this everything is known to have been whole.
    const bool is_same_boot = slot.sequence != 0 && slot.boot_id == boot_;
    const std::uint64_t known_whole =
        is_same_boot ? slot.committed_position : slot.durable_position;

    const frame::SegmentBytes segment{.bytes = bytes,
                                      .segment_id = summary_.header.segment_id,
                                      .max_frame_bytes = summary_.header.max_frame_bytes};
    const frame::ScanResult scan =
        frame::Scan(segment, {}, [&](std::uint64_t position, const frame::FrameHeader& header) {
          const std::byte* at = bytes.data() + position;
          if (const std::uint64_t stray = FirstStrayByte(at, header); stray != 0) {
            Report(position + stray, position + stray + 1, "a byte between two frames is not zero",
                   true);
          }
          if (visitor_) {
            visitor_({.segment = &summary_, .position = position, .header = header, .frame = at});
          }
          if (frame::KindOf(header.length_word) != frame::Kind::kPadding) {
            summary_.records += frame::OffsetCount(header);
          }
          summary_.frame_bytes += frame::AlignedLength(frame::LengthOf(header.length_word));
        });
    summary_.padding_bytes = scan.padding_bytes;
    summary_.is_sealed = scan.is_sealed;
    summary_.end_offset = At(scan.end_delta);
    for (const frame::Gap& gap : scan.gaps) {
      const bool is_open_claim = gap.is_uncommitted && gap.begin_position >= known_whole;
      Report(gap.begin_position, gap.end_position,
             is_open_claim ? "a claim that was not committed"
                           : "a record is damaged: its checksum or its fields are wrong",
             !is_open_claim, At(gap.begin_delta), At(gap.end_delta));
    }
    CheckTail(bytes, scan, known_whole);
    if (next_base && *next_base != summary_.end_offset && scan.is_sealed) {
      Report(scan.end_position, scan.end_position,
             absl::StrCat("the segment ends at offset ", summary_.end_offset.value(),
                          ", and the next one begins at ", next_base->value()),
             true, summary_.end_offset, next_base);
    }
  }

  void CheckTail(std::span<const std::byte> bytes, const frame::ScanResult& scan,
                 std::uint64_t known_whole) {
    if (scan.end_position < known_whole) {
      Report(scan.end_position, known_whole,
             "frames that were there at the last checkpoint are damaged", true,
             summary_.end_offset);
      return;
    }
    if (scan.tail_bytes == 0) return;
    // A length word is stored last: with one, the record was whole when the process was killed.
    const bool was_committed = frame::AcquireLengthWord(bytes.data() + scan.end_position) != 0;
    const std::uint64_t end = scan.end_position + scan.tail_bytes;
    if (scan.is_sealed) {
      Report(scan.end_position, end, "there are bytes behind the seal", true);
    } else if (was_committed) {
      Report(scan.end_position, end, "the last record is damaged, or torn by a power cut", true,
             summary_.end_offset);
    } else {
      Report(scan.end_position, end, "a claim that was not committed", false);
    }
  }

  PartitionVerification* const result_;
  const BootId& boot_;
  const DumpVisitor& visitor_;
  SegmentSummary summary_;
};

}  // namespace

absl::StatusOr<PartitionVerification> VerifyPartition(Directory& directory, const BootId& boot,
                                                      const DumpVisitor& visitor) {
  const auto listed = ListSegmentBases(directory);
  if (!listed.ok()) return listed.status();
  const std::vector<Offset>& bases = *listed;

  PartitionVerification result;
  result.directory = directory.path();
  for (std::size_t i = 0; i < bases.size(); ++i) {
    const std::string name = SegmentFileName(bases[i], ".log");
    const auto file = directory.OpenFile(name, FileMode::kRead);
    if (absl::IsNotFound(file.status())) continue;  // dropped meanwhile
    if (!file.ok()) return file.status();
    const bool is_last = i + 1 == bases.size();
    const auto next_base = is_last ? std::optional<Offset>() : std::optional(bases[i + 1]);
    // Where another process writes, the end moves while we look at it, and so does what seems
    // wrong there. Damage stays.
    std::optional<std::uint64_t> seen_at;
    for (;;) {
      const auto size = (*file)->Size();
      if (!size.ok()) return size.status();
      PartitionVerification one;
      SegmentVerifier verifier(&one, name, boot, visitor);
      if (*size == 0) {
        verifier.Run({}, bases[i], next_base);
      } else {
        const auto mapped = (*file)->Map(*size, MapAccess::kRead);
        if (!mapped.ok()) return mapped.status();
        verifier.Run({(*mapped)->data(), *size / frame::kFrameAlignment * frame::kFrameAlignment},
                     bases[i], next_base);
      }
      const auto last_damage =
          std::find_if(one.issues.rbegin(), one.issues.rend(),
                       [](const VerifyIssue& issue) { return issue.is_damage; });
      const bool is_settled = last_damage == one.issues.rend() || visitor != nullptr || !is_last ||
                              seen_at == last_damage->begin_position;
      if (is_settled) {
        result.segments.insert(result.segments.end(), one.segments.begin(), one.segments.end());
        result.issues.insert(result.issues.end(), one.issues.begin(), one.issues.end());
        break;
      }
      seen_at = last_damage->begin_position;
    }
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> ListPartitionDirectories(Directory& root) {
  const auto entries = root.List();
  if (!entries.ok()) return entries.status();
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : *entries) {
    const std::size_t dash = entry.name.rfind('-');
    if (entry.is_directory && dash != std::string::npos && dash + 1 < entry.name.size() &&
        entry.name.find_first_not_of("0123456789", dash + 1) == std::string::npos) {
      names.push_back(entry.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace daybook::inline v1
