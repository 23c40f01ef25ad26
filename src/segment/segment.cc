#include "segment/segment.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/page.h"
#include "base/planted_bug.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

std::uint64_t FirstAllocation(const SegmentSettings& settings) {
  const std::uint64_t needed =
      RoundUpToPage(frame::kSegmentHeaderBytes + settings.first_bytes + frame::kSealBytes);
  return std::min(std::max(settings.steps.first_bytes, needed), settings.capacity);
}

absl::Status Annotate(const absl::Status& status, const std::string& path) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

Segment::Segment(PartitionName name, std::string path, PreparedFile file,
                 const frame::SegmentHeader& header, const SegmentSteps& steps, bool is_in_memory)
    : name_(std::move(name)),
      path_(std::move(path)),
      is_in_memory_(is_in_memory),
      header_(header),
      gate_(std::make_unique<ClaimGate>()),
      file_({.path = path_, .segment_id = header.segment_id, .capacity = header.capacity},
            std::move(file), steps, gate_.get()),
      index_(header.capacity),
      checkpoint_(header_, file_.data()) {
  gate_->Belong(this);
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings) {
  auto made = MakeFile(directory, {.name = SegmentFileName(settings.base_offset, ".log.tmp"),
                                   .bytes = FirstAllocation(settings),
                                   .capacity = settings.capacity,
                                   .steps = settings.steps});
  if (!made.ok()) return made.status();
  return Create(directory, std::move(name), settings, *std::move(made));
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings,
                                                         PreparedFile file) {
  const frame::SegmentHeader header{.magic = frame::kMagic,
                                    .format_version = frame::kFormatVersion,
                                    .checksum = 0,
                                    .segment_id = settings.segment_id,
                                    .base_offset = settings.base_offset.value(),
                                    .leader_epoch = settings.leader_epoch,
                                    .max_frame_bytes = settings.max_frame_bytes,
                                    .capacity = settings.capacity,
                                    .created = settings.created.time_since_epoch().count(),
                                    .settled_before = settings.settled_before.value()};
  frame::EncodeSegmentHeader(header, {file.map->data(), frame::kSegmentHeaderBytes});
  // Under its own name only now, so that nobody finds half a segment.
  const std::string file_name = SegmentFileName(settings.base_offset, ".log");
  if (const auto status = directory.Rename(file.name, file_name); !status.ok()) {
    directory.RemoveFile(file.name).IgnoreError();
    return status;
  }
  // Nor where it could not be done so far: zeros must never come over the header.
  const bool could_page_in = file.file_bytes < settings.capacity || file.paged_in != 0;
  if (!settings.page_in || !could_page_in) file.paged_in = settings.capacity;
  std::shared_ptr<Segment> segment(new Segment(std::move(name),
                                               absl::StrCat(directory.path(), "/", file_name),
                                               std::move(file), header, settings.steps));
  segment->file_.Grant(frame::kSegmentHeaderBytes, true);
  segment->index_.BeginAnew();
  // Says in which boot its frames were written, should it be killed before the next one.
  segment->Checkpoint(settings.boot);
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Open(Directory& directory, PartitionName name,
                                                       Offset base_offset, MapAccess access,
                                                       const SegmentSteps& steps) {
  const std::string file_name = SegmentFileName(base_offset, ".log");
  std::string path = absl::StrCat(directory.path(), "/", file_name);
  auto file = directory.OpenFile(
      file_name, access == MapAccess::kRead ? FileMode::kRead : FileMode::kReadWrite);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();

  std::array<std::byte, frame::kSegmentHeaderBytes> page{};
  const auto got = (*file)->ReadAt(0, page);
  if (!got.ok()) return got.status();
  auto header = frame::DecodeSegmentHeader(page);
  if (!header.ok()) return Annotate(header.status(), path);
  if (header->base_offset != base_offset.value()) {
    return absl::DataLossError(absl::StrCat(path, ": its header says that it begins at offset ",
                                            header->base_offset, "; was the file renamed?"));
  }
  const bool is_durable_somewhere =
      frame::LatestCheckpoint(page, header->segment_id, header->capacity).durable_offset >
      header->base_offset;
  if (*size < frame::kSegmentHeaderBytes + frame::kSealBytes && !is_durable_somewhere) {
    return absl::NotFoundError(absl::StrCat(path, ": it was made, but never reached the disk"));
  }
  if (*size < frame::kSegmentHeaderBytes + frame::kSealBytes) {
    return absl::DataLossError(
        absl::StrCat(path, ": it has ", *size, " bytes; it was cut short from outside"));
  }
  auto mapped = (*file)->Map(header->capacity, access);
  if (!mapped.ok()) return mapped.status();
  PreparedFile found{.file = nullptr,
                     .map = *std::move(mapped),
                     .file_bytes = std::min(*size, header->capacity),
                     // There may be bytes anywhere: no page is made anew.
                     .paged_in = header->capacity};
  if (access == MapAccess::kReadWrite) found.file = *std::move(file);
  return std::shared_ptr<Segment>(
      new Segment(std::move(name), std::move(path), std::move(found), *header, steps));
}

absl::Status Segment::Extend(std::uint64_t position, bool in_hurry) {
  if (!is_in_memory_) return file_.Extend(position, in_hurry);
  if (position > highest_limit()) return absl::OutOfRangeError("the segment is full");
  GrantMemory(position);
  return absl::OkStatus();
}

void Segment::Grant(std::uint64_t position) {
  is_in_memory_ ? GrantMemory(position) : file_.Grant(position, false);
}

bool Segment::ReleasePagesBehind() {
  const auto sealed = sealed_end();
  const std::uint64_t committed = PositionOf(CommittedEnd());
  const std::uint64_t end =
      sealed ? RoundUpToPage(committed) : committed - std::min(committed, file_.let_go_lag());
  return file_.ReleasePages(end, sealed.has_value());
}

void Segment::Abandon(ClaimWord before, std::uint64_t bytes) {
  const ClaimWord next = before + MakeClaimWord(1, bytes);
  // After the commit the segment may be gone, or be another one in memory.
  ClaimGate* const gate = is_in_memory_ ? nullptr : gate_.get();
  index_.offsets().Note(before, next);
  SchedulingPoint();
  frame::WritePadding(At(PositionOf(before)), static_cast<std::uint32_t>(bytes), PositionOf(before),
                      header_.segment_id, RecordsOf(before), 1);
  if (gate != nullptr) gate->AdvanceCommitted(before, next);
}

void Segment::Seal(ClaimWord end, Timestamp now) {
  const std::uint64_t position = PositionOf(end);
  if (is_in_memory_) {
    zeroed_.Zero(file_.data(), position + frame::kSealBytes);  // not later, over the seal
  } else {
    file_.PrepareSeal(position + frame::kSealBytes);
  }
  frame::MarkClaim(At(position), position, frame::kSealBytes, header_.segment_id);
  if (!IsPlanted(PlantedBug::kLosesSeal)) {
    frame::WriteSeal(At(position), position, header_.segment_id, now, RecordsOf(end));
  }
  bounds_.SetSealedEnd(end);
}

absl::Status Segment::Tidy(Directory& directory) {
  const absl::Status status = file_.Trim(directory, PositionOf(*sealed_end()) + frame::kSealBytes);
  // The index is a hint: it may be missing, and must not keep a full disk from being read.
  index_.Save(*this, directory);
  return status;
}

}  // namespace daybook::inline v1
