#include "segment/segment.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "format/segment_header.h"
#include "io/atomic_replace.h"

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kPage = 4096;
// A new file has one page for its header and one for frames.
constexpr std::uint64_t kFirstAllocation = 2 * kPage;
// The file doubles up to this size, so that a partition that is little used costs little, and then
// takes its whole capacity at once. Growing by 4 MiB at a time instead took 81 of 173 ns of an
// append of 100 B: so near to the end of a file the kernel faults pages in one by one.
constexpr std::uint64_t kLargestStep = std::uint64_t{4} << 20;
// How far claims go without a question.
constexpr std::uint64_t kGrantStep = std::uint64_t{1} << 20;
// How far ahead of the appends pages are brought into memory, and how many bytes at a time: by
// write(2) of zeros. The kernel makes pages of that size then, and maps each with one fault, which
// takes in twice as many bytes a second as faults of 4 KiB do. With larger steps it runs out of
// memory in one piece and spends its time making some; with smaller ones the calls cost more.
constexpr std::uint64_t kPageInLead = std::uint64_t{16} << 20;
constexpr std::uint64_t kPageInStep = std::uint64_t{128} << 10;
constexpr std::array<std::byte, kPageInStep> kZeros{};
// How far behind the appends pages are let go, and how many bytes at a time. The kernel has to
// interrupt every core for each mapped page that it writes back; readers that keep up are nearer.
constexpr std::uint64_t kLetGoLag = std::uint64_t{8} << 20;
constexpr std::uint64_t kLetGoStep = std::uint64_t{4} << 20;

constexpr std::string_view kPreparedName = "next.tmp";

std::uint64_t RoundUpToPage(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::uint64_t FirstAllocation(std::uint64_t frame_bytes) {
  return std::max(kFirstAllocation,
                  RoundUpToPage(frame::kSegmentHeaderBytes + frame_bytes + frame::kSealBytes));
}

absl::Status Annotate(const absl::Status& status, const std::string& path) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

Segment::Segment(PartitionName name, std::string path, PreparedFile file,
                 const frame::SegmentHeader& header, bool is_in_memory)
    : name_(std::move(name)),
      path_(std::move(path)),
      is_in_memory_(is_in_memory),
      header_(header),
      mapped_(std::move(file.map)),
      index_(header.capacity),
      file_(std::move(file.file)),
      paged_in_(file.paged_in) {
  // Of a file that was cut within the zeros that align its last frame, that frame is whole.
  SetLimit(frame::AlignedLength(file.file_bytes));
}

Segment::~Segment() = default;

void Segment::Release() {
  mapped_.reset();
  index_.Clear();
  times_.Clear();
}

namespace {

// A new file with real blocks for its beginning, mapped over the whole capacity. On an error
// nothing is left.
absl::StatusOr<PreparedFile> MakeFile(Directory& directory, const std::string& name,
                                      std::uint64_t file_bytes, std::uint64_t capacity) {
  auto file = directory.OpenFile(name, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {  // left over from a crash
    if (const auto removed = directory.RemoveFile(name); !removed.ok()) return removed;
    file = directory.OpenFile(name, FileMode::kCreate);
  }
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Allocate(file_bytes);
  if (status.ok()) {
    auto map = (*file)->Map(capacity, MapAccess::kReadWrite);
    if (map.ok()) {
      return PreparedFile{
          .file = *std::move(file), .map = *std::move(map), .file_bytes = file_bytes};
    }
    status = map.status();
  }
  if (IsPlanted(PlantedBug::kLeavesHalfMadeFile)) return status;
  directory.RemoveFile(name).IgnoreError();
  return status;
}

// Brings the next pages from `*paged_in` on into memory; false when that cannot be done.
bool PageInStep(File& file, std::uint64_t end, std::uint64_t* paged_in) {
  const std::uint64_t size = std::min(kPageInStep, end - *paged_in);
  if (!file.WriteAt(*paged_in, std::span(kZeros).first(size)).ok()) return false;
  *paged_in += size;
  return true;
}

}  // namespace

absl::StatusOr<PreparedFile> Segment::Prepare(Directory& directory, std::uint64_t bytes,
                                              std::uint64_t capacity, bool page_in) {
  auto prepared = MakeFile(directory, std::string(kPreparedName), bytes, capacity);
  if (!prepared.ok() || !page_in) return prepared;
  while (prepared->paged_in < std::min(kPageInLead, bytes)) {
    if (!PageInStep(*prepared->file, bytes, &prepared->paged_in)) break;
  }
  return prepared;
}

void Segment::RemovePrepared(Directory& directory) {
  directory.RemoveFile(kPreparedName).IgnoreError();  // there may be none
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings) {
  auto made = MakeFile(directory, SegmentFileName(settings.base_offset, ".log.tmp"),
                       std::min(FirstAllocation(settings.first_bytes), settings.capacity),
                       settings.capacity);
  if (!made.ok()) return made.status();
  return Publish(directory, std::move(name), settings, *std::move(made),
                 SegmentFileName(settings.base_offset, ".log.tmp"));
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(Directory& directory, PartitionName name,
                                                         const SegmentSettings& settings,
                                                         PreparedFile prepared) {
  return Publish(directory, std::move(name), settings, std::move(prepared),
                 std::string(kPreparedName));
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Publish(Directory& directory, PartitionName name,
                                                          const SegmentSettings& settings,
                                                          PreparedFile file,
                                                          const std::string& temporary) {
  const frame::SegmentHeader header{.magic = frame::kMagic,
                                    .format_version = frame::kFormatVersion,
                                    .checksum = 0,
                                    .segment_id = settings.segment_id,
                                    .base_offset = settings.base_offset.value(),
                                    .leader_epoch = 0,
                                    .max_frame_bytes = settings.max_frame_bytes,
                                    .capacity = settings.capacity,
                                    .created = settings.created.time_since_epoch().count(),
                                    .settled_before = settings.settled_before.value()};
  frame::EncodeSegmentHeader(header, {file.map->data(), frame::kSegmentHeaderBytes});
  // Under its own name only now, so that nobody finds half a segment.
  const std::string file_name = SegmentFileName(settings.base_offset, ".log");
  if (const auto status = directory.Rename(temporary, file_name); !status.ok()) {
    directory.RemoveFile(temporary).IgnoreError();
    return status;
  }
  // Nor where it could not be done so far: zeros must never come over the header.
  const bool could_page_in = file.file_bytes < settings.capacity || file.paged_in != 0;
  if (!settings.page_in || !could_page_in) file.paged_in = settings.capacity;
  std::shared_ptr<Segment> segment(new Segment(
      std::move(name), absl::StrCat(directory.path(), "/", file_name), std::move(file), header));
  {
    MutexLock lock(segment->file_mutex_);
    segment->Grant(frame::kSegmentHeaderBytes, true);
  }
  segment->index_loaded_.store(true, std::memory_order_relaxed);
  segment->times_.BeginAnew();
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
  PreparedFile found{.file = nullptr,
                     .map = *std::move(mapped),
                     .file_bytes = std::min(*size, header->capacity),
                     // There may be bytes anywhere: no page is made anew.
                     .paged_in = header->capacity};
  if (access == MapAccess::kReadWrite) found.file = *std::move(file);
  return std::shared_ptr<Segment>(
      new Segment(std::move(name), std::move(path), std::move(found), *header));
}

absl::StatusOr<std::shared_ptr<File>> Segment::OpenedFile(Directory& directory) {
  if (file_ == nullptr) {
    auto file = directory.OpenFile(SegmentFileName(base_offset(), ".log"), FileMode::kReadWrite);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
  }
  return file_;
}

absl::Status Segment::EnsureFile(Directory& directory) {
  MutexLock lock(file_mutex_);
  return OpenedFile(directory).status();
}

void Segment::CloseFile() {
  MutexLock lock(file_mutex_);
  file_.reset();
}

void Segment::PageIn(std::uint64_t position) {
  std::uint64_t paged_in = paged_in_;
  while (paged_in < position) {
    // Where that fails, appends take the page faults themselves.
    if (file_ == nullptr || !PageInStep(*file_, header_.capacity, &paged_in)) {
      paged_in = header_.capacity;
    }
  }
  paged_in_ = paged_in;
}

void Segment::Grant(std::uint64_t position, bool in_hurry) {
  std::uint64_t end = std::min(limit_.load(std::memory_order_relaxed), position + kGrantStep);
  in_hurry_ = in_hurry;
  if (is_busy() && in_hurry) {
    PageIn(position);
    end = std::min(end, paged_in_);
  } else {
    paged_in_ = std::max(paged_in_, RoundUpToPage(end));  // by whoever appends
  }
  if (end > granted_.load(std::memory_order_relaxed)) {
    NoteClaimBound(end);
    granted_.store(end, std::memory_order_release);
  }
}

absl::Status Segment::Extend(std::uint64_t position, bool in_hurry) {
  const std::uint64_t needed = position + frame::kSealBytes;
  if (needed > header_.capacity) return absl::OutOfRangeError("the segment is full");
  MutexLock lock(file_mutex_);
  if (is_in_memory_) {
    GrantMemory(position);
    return absl::OkStatus();
  }
  const std::uint64_t have = limit_.load(std::memory_order_relaxed) + frame::kSealBytes;
  if (needed > have) {
    if (file_ == nullptr) return absl::FailedPreconditionError(path_ + ": its file is not open");
    const std::uint64_t least = std::min(header_.capacity, RoundUpToPage(needed));
    std::uint64_t wanted = std::max(
        least, have < kLargestStep ? std::min(2 * have, header_.capacity) : header_.capacity);
    absl::Status status = file_->Allocate(wanted);
    if (absl::IsResourceExhausted(status)) {  // not so far ahead, then
      wanted = least;
      status = file_->Allocate(wanted);
    }
    if (!status.ok()) return status;
    paged_in_ = std::max(paged_in_, have);
    SetLimit(wanted);
  }
  Grant(position, in_hurry);
  return absl::OkStatus();
}

bool Segment::is_filling() const {
  return !is_in_memory_ && header_.capacity > 2 * kLargestStep &&
         limit_.load(std::memory_order_relaxed) + frame::kSealBytes >= kLargestStep / 2;
}

bool Segment::GrowAhead(Directory& directory) {
  if (!is_filling() || is_busy()) return false;
  std::shared_ptr<File> file;
  {
    MutexLock lock(file_mutex_);
    const auto opened = OpenedFile(directory);
    if (!opened.ok()) return false;
    file = *opened;
  }
  // Whoever appends and needs it sooner says what is wrong.
  if (!file->Allocate(header_.capacity).ok()) return false;
  MutexLock lock(file_mutex_);
  const std::uint64_t have = limit_.load(std::memory_order_relaxed) + frame::kSealBytes;
  if (have < header_.capacity) {
    paged_in_ = std::max(paged_in_, have);
    SetLimit(header_.capacity);
  }
  return true;
}

bool Segment::is_busy() const {
  return !is_in_memory_ &&
         limit_.load(std::memory_order_relaxed) + frame::kSealBytes == header_.capacity &&
         header_.capacity > 2 * kLargestStep;
}

bool Segment::PageInAhead() {
  const std::uint64_t appended = PositionOf(ClaimedEnd());
  MutexLock lock(file_mutex_);
  if (file_ == nullptr || !in_hurry_ ||
      paged_in_ >= std::min(appended + kPageInLead, header_.capacity)) {
    return false;
  }
  PageIn(paged_in_ + 1);
  return true;
}

bool Segment::LetGoBehind() {
  const auto sealed = sealed_end();
  const std::uint64_t committed = PositionOf(CommittedEnd());
  const std::uint64_t end =
      sealed ? RoundUpToPage(committed) : committed - std::min(committed, kLetGoLag);
  MutexLock lock(file_mutex_);
  if (end < let_go_ + (sealed ? 1 : kLetGoStep)) return false;
  const std::uint64_t step = std::min(let_go_ + kLetGoStep, end);
  mapped_->LetGo(let_go_, step);
  let_go_ = step;
  return true;
}

void Segment::Abandon(ClaimWord before, std::uint64_t bytes) {
  const ClaimWord next = before + MakeClaimWord(1, bytes);
  const bool is_in_memory = is_in_memory_;  // after the commit it may be another segment
  index_.Note(before, next);
  SchedulingPoint();
  frame::WritePadding(At(PositionOf(before)), static_cast<std::uint32_t>(bytes), PositionOf(before),
                      header_.segment_id, RecordsOf(before), 1);
  if (!is_in_memory) Advance(before, next);
}

void Segment::Seal(ClaimWord end, Timestamp now) {
  const std::uint64_t position = PositionOf(end);
  if (is_in_memory_) {
    MutexLock lock(file_mutex_);
    ZeroMemory(position + frame::kSealBytes);  // not later, over the seal
  } else {
    NoteClaimBound(position + frame::kSealBytes);
  }
  frame::MarkClaim(At(position), position, frame::kSealBytes, header_.segment_id);
  if (!IsPlanted(PlantedBug::kLosesSeal)) {
    frame::WriteSeal(At(position), position, header_.segment_id, now, RecordsOf(end));
  }
  sealed_end_.store(end, std::memory_order_release);
}

absl::Status Segment::Tidy(Directory& directory) {
  const ClaimWord end = sealed_end_.load(std::memory_order_acquire);
  MutexLock lock(file_mutex_);
  const auto file = OpenedFile(directory);
  if (!file.ok()) return file.status();
  const absl::Status status =
      (*file)->Deallocate(RoundUpToPage(PositionOf(end) + frame::kSealBytes),
                          limit_.load(std::memory_order_relaxed) + frame::kSealBytes);
  file_.reset();
  // The index is a hint: it may be missing, and must not keep a full disk from being read.
  SaveIndex(directory);
  return status;
}

}  // namespace daybook::inline v1
