#include "segment/segment.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kPage = 4096;
// A new file has one page for its header and some for frames.
constexpr std::uint64_t kFirstAllocation = 4 * kPage;
// The file doubles up to this size, so that a partition that is little used costs little, and then
// takes its whole capacity at once. Growing by 4 MiB at a time instead took 81 of 173 ns of an
// append of 100 B: so near to the end of a file the kernel faults pages in one by one.
constexpr std::uint64_t kLargestStep = std::uint64_t{4} << 20;

std::uint64_t RoundUpToPage(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

absl::Status Annotate(const absl::Status& status, const std::string& path) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

Segment::Segment(PartitionName name, std::string path, std::unique_ptr<File> file,
                 std::unique_ptr<MappedFile> mapped, const frame::SegmentHeader& header,
                 std::uint64_t file_bytes)
    : name_(std::move(name)),
      path_(std::move(path)),
      header_(header),
      mapped_(std::move(mapped)),
      index_(header.capacity),
      file_(std::move(file)) {
  SetLimit(file_bytes / frame::kFrameAlignment * frame::kFrameAlignment);
}

Segment::~Segment() = default;

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings) {
  const std::string file_name = SegmentFileName(settings.base_offset, ".log");
  const std::string temporary = file_name + ".tmp";
  auto file = directory.OpenFile(temporary, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {  // left over from a crash
    if (const auto removed = directory.RemoveFile(temporary); !removed.ok()) return removed;
    file = directory.OpenFile(temporary, FileMode::kCreate);
  }
  if (!file.ok()) return file.status();

  const frame::SegmentHeader header{.magic = frame::kMagic,
                                    .format_version = frame::kFormatVersion,
                                    .checksum = 0,
                                    .segment_id = settings.segment_id,
                                    .base_offset = settings.base_offset.value(),
                                    .leader_epoch = 0,
                                    .max_frame_bytes = settings.max_frame_bytes,
                                    .capacity = settings.capacity,
                                    .created = settings.created.time_since_epoch().count(),
                                    .zero = 0};
  const std::uint64_t file_bytes = std::min(kFirstAllocation, settings.capacity);
  absl::Status status = (*file)->Allocate(file_bytes);
  std::unique_ptr<MappedFile> map;
  if (status.ok()) {
    auto mapped = (*file)->Map(settings.capacity, MapAccess::kReadWrite);
    status = mapped.status();
    if (status.ok()) map = *std::move(mapped);
  }
  if (status.ok()) {
    frame::EncodeSegmentHeader(header, {map->data(), frame::kSegmentHeaderBytes});
    // Under its own name only now, so that nobody finds half a segment.
    status = directory.Rename(temporary, file_name);
  }
  if (!status.ok()) {
    directory.RemoveFile(temporary).IgnoreError();
    return status;
  }
  std::shared_ptr<Segment> segment(
      new Segment(std::move(name), absl::StrCat(directory.path(), "/", file_name), *std::move(file),
                  std::move(map), header, file_bytes));
  segment->index_loaded_.store(true, std::memory_order_relaxed);
  // Says in which boot its frames were written, should it be killed before the next one.
  segment->Checkpoint(settings.boot);
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Open(Directory& directory, PartitionName name,
                                                       Offset base_offset, MapAccess access) {
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
  return std::shared_ptr<Segment>(new Segment(
      std::move(name), std::move(path), access == MapAccess::kRead ? nullptr : *std::move(file),
      *std::move(mapped), *header, std::min(*size, header->capacity)));
}

absl::StatusOr<File*> Segment::OpenedFile(Directory& directory) {
  if (file_ == nullptr) {
    auto file = directory.OpenFile(SegmentFileName(base_offset(), ".log"), FileMode::kReadWrite);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
  }
  return file_.get();
}

absl::Status Segment::Extend(std::uint64_t position) {
  const std::uint64_t needed = position + frame::kSealBytes;
  if (needed > header_.capacity) return absl::OutOfRangeError("the segment is full");
  const std::uint64_t have = limit_.load(std::memory_order_relaxed) + frame::kSealBytes;
  const std::uint64_t wanted =
      std::min(header_.capacity,
               std::max(RoundUpToPage(needed), have < kLargestStep ? 2 * have : header_.capacity));
  MutexLock lock(file_mutex_);
  absl::Status status = file_->Allocate(wanted);
  if (status.ok()) {
    SetLimit(wanted);
    return status;
  }
  if (!absl::IsResourceExhausted(status)) return status;
  // Not so far ahead, then.
  const std::uint64_t least = std::min(header_.capacity, RoundUpToPage(needed));
  status = file_->Allocate(least);
  if (status.ok()) SetLimit(least);
  return status;
}

void Segment::Abandon(ClaimWord before, std::uint64_t bytes) {
  frame::WritePadding(At(PositionOf(before)), static_cast<std::uint32_t>(bytes), PositionOf(before),
                      header_.segment_id, RecordsOf(before), 1);
  Advance(before, bytes, 1);
}

void Segment::Seal(ClaimWord end, Timestamp now) {
  const std::uint64_t position = PositionOf(end);
  frame::WriteSeal(At(position), position, header_.segment_id, now, RecordsOf(end));
  sealed_end_.store(end, std::memory_order_release);
}

absl::Status Segment::Tidy(Directory& directory) {
  const ClaimWord end = sealed_end_.load(std::memory_order_acquire);
  MutexLock lock(file_mutex_);
  const auto file = OpenedFile(directory);
  if (!file.ok()) return file.status();
  absl::Status status =
      (*file)->Deallocate(RoundUpToPage(PositionOf(end) + frame::kSealBytes),
                          limit_.load(std::memory_order_relaxed) + frame::kSealBytes);
  file_.reset();
  const std::string index = index_.Encode(header_.segment_id, end);
  auto index_file = [&]() -> absl::StatusOr<std::unique_ptr<File>> {
    const std::string name = SegmentFileName(base_offset(), ".index");
    auto created = directory.OpenFile(name, FileMode::kCreate);
    return absl::IsAlreadyExists(created.status()) ? directory.OpenFile(name, FileMode::kReadWrite)
                                                   : std::move(created);
  }();
  if (index_file.ok()) {
    status.Update((*index_file)->WriteAt(0, std::as_bytes(std::span(index))));
  } else {
    status.Update(index_file.status());
  }
  return status;
}

frame::FrameState Segment::Look(std::uint64_t position, frame::FrameHeader* header) {
  const frame::SegmentBytes bytes = Bytes();
  const std::uint64_t verified = verified_.load(std::memory_order_relaxed);
  if (position < verified) {
    const std::byte* at = At(position);
    *header = frame::LoadFrameHeader(at, frame::AcquireLengthWord(at));
    return frame::FrameState::kValid;
  }
  frame::FrameState state = frame::Inspect(bytes, position, header);
  // The file may have grown between the look at how far it goes and the look at the length word;
  // now that this was acquired, what it was grown for is seen, too.
  if (state == frame::FrameState::kBad) state = frame::Inspect(Bytes(), position, header);
  if (state == frame::FrameState::kValid && position == verified) {
    verified_.store(position + frame::AlignedLength(frame::LengthOf(header->length_word)),
                    std::memory_order_relaxed);
  }
  return state;
}

Segment::Step Segment::StepFrom(ClaimWord at) {
  Step step;
  const std::uint64_t position = PositionOf(at);
  step.state = Look(position, &step.header);
  if (step.state == frame::FrameState::kNothing) return step;
  if (step.state == frame::FrameState::kBad) {
    const auto found = frame::FindFrame(
        Bytes(), {.position = position + frame::kFrameAlignment, .delta = RecordsOf(at)});
    if (found) step.next = MakeClaimWord(found->header.offset_delta, found->position);
    return step;
  }
  step.next =
      MakeClaimWord(std::uint64_t{step.header.offset_delta} + frame::OffsetCount(step.header),
                    position + frame::AlignedLength(frame::LengthOf(step.header.length_word)));
  return step;
}

ClaimWord Segment::CommittedEnd() {
  ClaimWord at = committed_.load(std::memory_order_relaxed);
  const ClaimWord first = at;
  for (;;) {
    const std::uint64_t position = PositionOf(at);
    if (const auto sealed = sealed_end(); sealed && position >= PositionOf(*sealed)) break;
    if (position > limit_.load(std::memory_order_acquire)) break;
    // Whether it is committed is all that counts here; what it holds is checked when it is read.
    const std::uint32_t length_word = frame::AcquireLengthWord(At(position));
    if (length_word == 0) break;
    frame::FrameHeader header;
    ClaimWord next;
    if (frame::IsWellFormed(Bytes(), position, length_word, &header)) {
      if (frame::KindOf(length_word) == frame::Kind::kSeal) break;
      next = MakeClaimWord(std::uint64_t{header.offset_delta} + frame::OffsetCount(header),
                           position + frame::AlignedLength(frame::LengthOf(length_word)));
      index_.Note(at, next);
    } else {
      next = StepFrom(at).next;
      if (next == 0) break;
    }
    at = next;
  }
  if (at != first) committed_.store(at, std::memory_order_relaxed);
  return at;
}

std::uint64_t Segment::FindDelta(std::uint32_t delta) {
  const ClaimWord end = CommittedEnd();
  ClaimWord at = index_.FindDelta(delta, end);
  // The index is a hint: begin there only if a frame does stand there.
  frame::FrameHeader header;
  if (at != kFirstFrame &&
      (Look(PositionOf(at), &header) != frame::FrameState::kValid || header.offset_delta > delta)) {
    at = kFirstFrame;
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

ClaimWord Segment::FindTime(Timestamp time) {
  const std::int64_t nanos = time.time_since_epoch().count();
  const ClaimWord end = CommittedEnd();
  // The first record at or after `at`: padding and damage have no time.
  const auto next_record = [&](ClaimWord at) {
    std::pair<ClaimWord, Step> found{at, {}};
    while (PositionOf(found.first) < PositionOf(end)) {
      found.second = StepFrom(found.first);
      if (found.second.next == 0) break;
      if (found.second.state == frame::FrameState::kValid &&
          frame::KindOf(found.second.header.length_word) == frame::Kind::kRecord) {
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
  for (;;) {
    const auto [place, step] = next_record(at);
    if (place == end || step.header.append_time >= nanos) return place;
    at = step.next;
  }
}

void Segment::LoadIndex(Directory& directory) {
  if (index_loaded_.exchange(true, std::memory_order_relaxed)) return;
  const std::string name = SegmentFileName(base_offset(), ".index");
  const auto encoded = ReadFile(directory, name, header_.capacity);
  // Missing or damaged: look-ups walk, and fill it again as they go.
  if (encoded.ok()) index_.Load(header_.segment_id, *encoded).IgnoreError();
}

absl::Status Segment::RefreshLimit(Directory& directory) {
  auto file = directory.OpenFile(SegmentFileName(base_offset(), ".log"), FileMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  SetLimit(std::min(*size, header_.capacity) / frame::kFrameAlignment * frame::kFrameAlignment);
  return absl::OkStatus();
}

absl::Status Segment::Sync(Directory& directory, ClaimWord end, const BootId& boot) {
  const auto sealed = sealed_end();
  {
    MutexLock lock(file_mutex_);
    const auto file = OpenedFile(directory);
    if (!file.ok()) return file.status();
    if (const auto synced = (*file)->Sync(); !synced.ok()) return synced;
    // A sealed segment has nothing left to write: its descriptor is not needed any more.
    if (sealed == end) file_.reset();
  }
  if (sealed == end) {
    WriteCheckpoint(boot, end + MakeClaimWord(0, frame::kSealBytes));
    is_durable_.store(true, std::memory_order_relaxed);
  } else {
    WriteCheckpoint(boot, end);
  }
  return absl::OkStatus();
}

Offset Segment::durable_end() const {
  MutexLock lock(checkpoint_mutex_);
  return checkpoint_.sequence == 0 ? base_offset() : Offset(checkpoint_.durable_offset);
}

void Segment::Checkpoint(const BootId& boot) { WriteCheckpoint(boot, std::nullopt); }

void Segment::WriteCheckpoint(const BootId& boot, std::optional<ClaimWord> durable) {
  ClaimWord committed = CommittedEnd();
  const auto sealed = sealed_end();
  if (sealed && committed == *sealed) committed += MakeClaimWord(0, frame::kSealBytes);
  MutexLock lock(checkpoint_mutex_);
  frame::CheckpointSlot slot = checkpoint_;
  if (slot.sequence == 0) {
    slot.durable_position = frame::kSegmentHeaderBytes;
    slot.durable_offset = header_.base_offset;
  }
  ++slot.sequence;
  if (durable && PositionOf(*durable) > slot.durable_position) {
    slot.durable_position = PositionOf(*durable);
    slot.durable_offset = header_.base_offset + RecordsOf(*durable);
  }
  slot.committed_position = PositionOf(committed);
  slot.committed_offset = header_.base_offset + RecordsOf(committed);
  if (slot.committed_position < slot.durable_position) {
    slot.committed_position = slot.durable_position;
    slot.committed_offset = slot.durable_offset;
  }
  slot.boot_id = boot;
  frame::EncodeCheckpoint(slot, header_.segment_id, {mapped_->data(), frame::kSegmentHeaderBytes});
  checkpoint_ = slot;
}

}  // namespace daybook::inline v1
