#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"
#include "io/copy_file.h"
#include "log/check/repair.h"
#include "segment/index/segment_search.h"

namespace daybook::inline v1 {
namespace {

using Action = SegmentStep::Action;

// As the verification that the plan is made of.
constexpr frame::ScanOptions kScanOptions{
    .search = {.hashed_per_byte = frame::kHashedPerByteOfRepair}};
constexpr std::uint64_t kMarkerBytes = 2 * frame::kSegmentHeaderBytes;

frame::SegmentBytes View(std::span<const std::byte> bytes, const frame::SegmentHeader& header) {
  return {
      .bytes = bytes, .segment_id = header.segment_id, .max_frame_bytes = header.max_frame_bytes};
}

void Clear(std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{0}); }

// A place in a segment that a checkpoint names.
struct Mark {
  std::uint64_t* position;
  std::int64_t* offset;
};

// Writes the header page anew. Of the checkpoints the last one stays, but says nothing of what is
// no boundary of frames any more, nor of what is gone.
void RewritePage(std::span<std::byte> bytes, const frame::SegmentHeader& header,
                 const frame::ScanResult& scan, const FramePlace& end) {
  const auto page = bytes.first(frame::kSegmentHeaderBytes);
  frame::CheckpointSlot slot = frame::LatestCheckpoint(page, header.segment_id, header.capacity);
  Clear(page);
  frame::EncodeSegmentHeader(header, page);
  if (slot.sequence == 0) return;
  for (const auto& [position, offset] : {Mark{&slot.durable_position, &slot.durable_offset},
                                         Mark{&slot.committed_position, &slot.committed_offset}}) {
    if (*position >= scan.end_position || *position >= end.position) {
      *position = end.position;
      *offset = end.offset.value();
      continue;
    }
    for (const frame::Gap& gap : scan.gaps) {
      if (gap.begin_position < *position && *position < gap.end_position) {
        *position = gap.begin_position;
        *offset = header.base_offset + gap.begin_delta;
      }
    }
  }
  frame::EncodeCheckpoint(slot, header.segment_id, page);
}

std::vector<std::byte> MarkerOf(const SegmentStep& step, const RepairContext& context,
                                const BootId& boot) {
  std::vector<std::byte> bytes(kMarkerBytes);
  frame::SegmentHeader header = step.header;
  header.segment_id = context.new_segment_id();
  header.capacity = kMarkerBytes;
  header.settled_before = 0;
  frame::EncodeSegmentHeader(header, bytes);
  std::uint64_t position = frame::kSegmentHeaderBytes;
  frame::WritePadding(&bytes[position], frame::kFrameHeaderBytes, position, header.segment_id, 0,
                      step.offsets);
  position += frame::kFrameHeaderBytes;
  frame::WriteSeal(&bytes[position], position, header.segment_id, context.clock->Now(),
                   step.offsets);
  position += frame::kSealBytes;
  if (step.is_durable) {
    const std::int64_t end = header.base_offset + step.offsets;
    frame::EncodeCheckpoint({.sequence = 1,
                             .durable_position = position,
                             .durable_offset = end,
                             .committed_position = position,
                             .committed_offset = end,
                             .boot_id = boot,
                             .flags = 0,
                             .checksum = 0},
                            header.segment_id, bytes);
  }
  return bytes;
}

// The index of a whole segment, as a file; empty if it is not sealed: then it has none.
std::string IndexOf(std::span<const std::byte> bytes, const frame::SegmentHeader& header) {
  OffsetIndex index(header.capacity);
  TimeIndex times;
  const frame::ScanResult scan = frame::Scan(
      View(bytes, header), {},
      [&](std::uint64_t position, const frame::FrameHeader& frame) {
        times.Note(MakeClaimWord(frame.offset_delta, position), &bytes[position], frame);
        index.Note(MakeClaimWord(frame.offset_delta, position), BehindFrame(position, frame));
      },
      kScanOptions);
  if (!scan.is_sealed) return "";
  return index.Encode(header.segment_id,
                      MakeClaimWord(scan.end_delta, scan.end_position - frame::kSealBytes)) +
         times.Encode(header.segment_id);
}

class Executor {
 public:
  Executor(Directory& partition, const PartitionPlan& plan, const RepairContext& context)
      : partition_(partition), plan_(plan), context_(context) {}

  absl::Status Run() {
    if (const auto status = PutInQuarantine(); !status.ok()) return status;
    for (const SegmentStep& step : plan_.steps) {
      if (const auto status = Write(step); !status.ok()) return status;
    }
    if (const auto status = partition_.Sync(); !status.ok()) return status;
    for (const std::string& name : targets_) {
      const std::string copy = name + ".repair";
      if (const auto status = partition_.Rename(copy, name); !status.ok()) return status;
    }
    if (const auto status = partition_.Sync(); !status.ok()) return status;
    for (const SegmentStep& step : plan_.steps) {
      if (const auto status = CleanUp(step); !status.ok()) return status;
    }
    return partition_.Sync();
  }

 private:
  static std::string NameOf(Offset base) { return SegmentFileName(base, ".log"); }

  bool Exists(const std::string& name) { return partition_.OpenFile(name, FileMode::kRead).ok(); }

  absl::Status PutInQuarantine() {
    std::set<std::string> files;
    for (const SegmentStep& step : plan_.steps) {
      if (step.action == Action::kReindex) continue;
      if (!step.source.empty()) files.insert(step.source);
      if (step.action == Action::kRemove) continue;
      targets_.insert(NameOf(step.base));
      if (Exists(NameOf(step.base))) files.insert(NameOf(step.base));
    }
    for (const std::string& file : files) {
      if (const auto status = context_.quarantine(file); !status.ok()) return status;
    }
    return files.empty() ? absl::OkStatus() : context_.seal_quarantine();
  }

  absl::Status Write(const SegmentStep& step) {
    const std::string copy = NameOf(step.base) + ".repair";
    if (step.action == Action::kMark) {
      return WriteNew(copy, MarkerOf(step, context_, BootId{}));
    }
    if (step.action != Action::kRewrite) return absl::OkStatus();
    std::uint64_t seen = std::numeric_limits<std::uint64_t>::max();
    if (step.source != copy) {
      const auto copied = Copy(step, copy);
      if (!copied.ok()) return copied.status();
      seen = *copied;
    }
    const auto file = partition_.OpenFile(copy, FileMode::kReadWrite);
    if (!file.ok()) return file.status();
    const auto size = (*file)->Size();
    if (!size.ok()) return size.status();
    const auto mapped = (*file)->Map(*size, MapAccess::kReadWrite);
    if (!mapped.ok()) return mapped.status();
    RewriteSegment({(*mapped)->data(), *size}, seen, step, context_.clock->Now());
    return (*file)->Sync();
  }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name) {
    if (const auto status = partition_.RemoveFile(name);
        !status.ok() && !absl::IsNotFound(status)) {
      return status;
    }
    return partition_.OpenFile(name, FileMode::kCreate);
  }

  absl::Status WriteNew(const std::string& name, std::span<const std::byte> bytes) {
    const auto file = Create(name);
    if (!file.ok()) return file.status();
    if (const auto status = (*file)->WriteAt(0, bytes); !status.ok()) return status;
    return (*file)->Sync();
  }

  // With blocks for all of it, room for a seal among them: the copy is changed through a mapping.
  // Answers how many bytes verification has seen.
  absl::StatusOr<std::uint64_t> Copy(const SegmentStep& step, const std::string& name) {
    const auto from = partition_.OpenFile(step.source, FileMode::kRead);
    if (!from.ok()) return from.status();
    const auto size = (*from)->Size();
    if (!size.ok()) return size.status();
    const auto to = Create(name);
    if (!to.ok()) return to.status();
    const std::uint64_t whole =
        std::max(*size, frame::kSegmentHeaderBytes + frame::kSealBytes) + frame::kSealBytes;
    const std::uint64_t bytes =
        std::max(*size, std::min(frame::AlignedLength(whole), step.header.capacity));
    if (const auto status = (*to)->Allocate(bytes); !status.ok()) return status;
    if (const auto status = CopyContent(**from, **to); !status.ok()) return status;
    return frame::AlignedLength(*size);
  }

  // The indexes that belong to what is there now, and no file that holds nothing any more.
  absl::Status CleanUp(const SegmentStep& step) {
    if (step.action == Action::kRewrite || step.action == Action::kReindex) {
      if (const auto status = WriteIndex(step); !status.ok()) return status;
    }
    if (step.action == Action::kMark) RemoveIndex(step.base);
    if (step.action == Action::kReindex || step.source.empty() || targets_.contains(step.source)) {
      return absl::OkStatus();
    }
    if (const auto base = ParseSegmentFileName(step.source)) RemoveIndex(*base);
    return RemoveIfThere(partition_, step.source);
  }

  void RemoveIndex(Offset base) {
    partition_.RemoveFile(SegmentFileName(base, ".index")).IgnoreError();  // it may have none
  }

  absl::Status WriteIndex(const SegmentStep& step) {
    const auto file = partition_.OpenFile(NameOf(step.base), FileMode::kRead);
    if (!file.ok()) return file.status();
    const auto size = (*file)->Size();
    if (!size.ok()) return size.status();
    const auto mapped = (*file)->Map(*size, MapAccess::kRead);
    if (!mapped.ok()) return mapped.status();
    const std::string index = IndexOf(
        {(*mapped)->data(), *size / frame::kFrameAlignment * frame::kFrameAlignment}, step.header);
    if (index.empty()) {
      RemoveIndex(step.base);
      return absl::OkStatus();
    }
    return AtomicReplace(partition_, SegmentFileName(step.base, ".index"),
                         std::as_bytes(std::span(index)));
  }

  Directory& partition_;
  const PartitionPlan& plan_;
  const RepairContext& context_;
  std::set<std::string> targets_;  // names that get another content
};

}  // namespace

void RewriteSegment(std::span<std::byte> bytes, std::uint64_t seen, const SegmentStep& step,
                    Timestamp now) {
  bytes = bytes.first(bytes.size() / frame::kFrameAlignment * frame::kFrameAlignment);
  const frame::SegmentHeader& header = step.header;
  const frame::ScanResult scan = frame::Scan(
      View(bytes.first(std::min<std::uint64_t>(seen, bytes.size())), header), {},
      [&](std::uint64_t position, const frame::FrameHeader& frame) {
        // What no checksum covers.
        const std::uint64_t length = frame::LengthOf(frame.length_word);
        const std::uint64_t from = frame::KindOf(frame.length_word) == frame::Kind::kPadding
                                       ? frame::kFrameHeaderBytes
                                       : length;
        Clear(bytes.subspan(position + from, frame::AlignedLength(length) - from));
      },
      kScanOptions);
  for (const frame::Gap& gap : scan.gaps) {
    if (gap.bytes() < frame::kFrameHeaderBytes) continue;
    frame::Gap padded = gap;
    if (IsPlanted(PlantedBug::kRepairDropsOffsets)) padded.begin_delta = padded.end_delta;
    frame::PadGap(bytes.data(), padded, header.segment_id);
  }
  FramePlace end{.position = scan.end_position,
                 .offset = Offset(header.base_offset) + scan.end_delta};
  if (step.cut) end = *step.cut;
  if (step.is_sealed_after && end.position + frame::kSealBytes <= bytes.size()) {
    Clear(bytes.subspan(end.position));
    frame::WriteSeal(&bytes[end.position], end.position, header.segment_id, now,
                     static_cast<std::uint32_t>(end.offset - Offset(header.base_offset)));
    end.position += frame::kSealBytes;
  } else if (scan.is_sealed) {
    Clear(bytes.subspan(end.position));
  }
  RewritePage(bytes, header, scan, end);
}

absl::Status ExecuteRepair(Directory& partition, const PartitionPlan& plan,
                           const RepairContext& context) {
  if (plan.steps.empty()) return absl::OkStatus();
  return Executor(partition, plan, context).Run();
}

}  // namespace daybook::inline v1
