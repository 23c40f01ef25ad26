#include "segment/segment_file.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/planted_bug.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kLargestPageIn = std::size_t{128} << 10;
constexpr std::array<std::byte, kLargestPageIn> kZeros{};
// What is taken ahead of need is at most one part in so many of the free space. So as many
// partitions can grow at the same moment, and none of them fails: an allocation that fails takes
// all that is free before it gives it back, and to all others the disk is full meanwhile.
constexpr std::uint64_t kShareAhead = 8;

std::uint64_t RoundUpToPage(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// How much of the free space may be taken without need.
std::uint64_t MayTake(File& file, std::uint64_t share) {
  const auto free = file.FreeBytes();
  return free.ok() ? *free / share / kPage * kPage : 0;
}

// Brings the next pages from `*paged_in` on into memory; false when that cannot be done.
bool PageInStep(File& file, std::uint64_t size, std::uint64_t end, std::uint64_t* paged_in) {
  size = std::min({size, std::uint64_t{kLargestPageIn}, end - *paged_in});
  if (!file.WriteAt(*paged_in, std::span(kZeros).first(size)).ok()) return false;
  *paged_in += size;
  return true;
}

}  // namespace

absl::StatusOr<PreparedFile> SegmentFile::Make(Directory& directory, const NewFile& wanted,
                                               const SegmentSteps& steps) {
  auto file = directory.OpenFile(wanted.name, FileMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {  // left over from a crash
    if (const auto removed = directory.RemoveFile(wanted.name); !removed.ok()) return removed;
    file = directory.OpenFile(wanted.name, FileMode::kCreate);
  }
  if (!file.ok()) return file.status();
  absl::Status status;
  if (wanted.share != 0 && MayTake(**file, wanted.share) < wanted.bytes) {
    status = absl::ResourceExhaustedError(absl::StrCat(directory.path(), "/", wanted.name,
                                                       ": there is too little free space for ",
                                                       wanted.bytes, " bytes ahead of need"));
  } else {
    status = (*file)->Allocate(wanted.bytes);
  }
  if (status.ok()) {
    auto map = (*file)->Map(wanted.capacity, MapAccess::kReadWrite);
    if (map.ok()) {
      PreparedFile made{
          .file = *std::move(file), .map = *std::move(map), .file_bytes = wanted.bytes};
      const std::uint64_t until = wanted.page_in ? std::min(steps.page_in_lead, wanted.bytes) : 0;
      while (made.paged_in < until) {
        if (!PageInStep(*made.file, steps.page_in, wanted.bytes, &made.paged_in)) break;
      }
      return made;
    }
    status = map.status();
  }
  if (IsPlanted(PlantedBug::kLeavesHalfMadeFile)) return status;
  directory.RemoveFile(wanted.name).IgnoreError();
  return status;
}

SegmentFile::SegmentFile(Identity identity, PreparedFile file, const SegmentSteps& steps,
                         ClaimGate* gate)
    : identity_(std::move(identity)),
      capacity_(identity_.capacity),
      steps_(steps),
      map_(std::move(file.map)),
      data_(map_->data()),
      gate_(gate),
      file_(std::move(file.file)),
      paged_in_(file.paged_in) {
  // Of a file that was cut within the zeros that align its last frame, that frame is whole.
  SetLimit(frame::AlignedLength(file.file_bytes));
}

absl::StatusOr<std::shared_ptr<File>> SegmentFile::OpenedLocked(Directory& directory) {
  if (file_ == nullptr) {
    auto file = directory.OpenFile(identity_.name, FileMode::kReadWrite);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
  }
  return file_;
}

absl::StatusOr<std::shared_ptr<File>> SegmentFile::Opened(Directory& directory) {
  MutexLock lock(mutex_);
  return OpenedLocked(directory);
}

void SegmentFile::Close() {
  MutexLock lock(mutex_);
  file_.reset();
}

void SegmentFile::NoteClaimBound(std::uint64_t position) {
  // A claim that was made before the seal may be granted after it.
  if (position <= claim_bound_) return;
  claim_bound_ = position;
  frame::EncodeClaimBound(position, identity_.segment_id, {data_, frame::kSegmentHeaderBytes});
}

void SegmentFile::HasGrown(std::uint64_t end) {
  MutexLock lock(mutex_);
  const std::uint64_t have = bytes();
  if (end <= have) return;
  if (gate_->is_closing()) {
    unused_end_ = std::max(unused_end_, end);
    return;
  }
  paged_in_ = std::max(paged_in_, have);
  SetLimit(end);
}

void SegmentFile::StartClosing() {
  MutexLock lock(mutex_);
  gate_->StartClosing();
}

bool SegmentFile::StartClosingBelow(std::uint64_t position) {
  MutexLock lock(mutex_);
  if (position <= gate_->limit()) return false;
  gate_->StartClosing();
  return true;
}

absl::Status SegmentFile::GrowTo(std::uint64_t needed) {
  const std::uint64_t have = bytes();
  if (needed <= have) return absl::OkStatus();  // it has grown while this waited for its turn
  std::shared_ptr<File> file;
  {
    MutexLock lock(mutex_);
    file = file_;
  }
  if (file == nullptr) {
    return absl::FailedPreconditionError(identity_.path + ": its file is not open");
  }
  const std::uint64_t least = std::min(capacity_, RoundUpToPage(needed));
  std::uint64_t wanted = have < steps_.largest_growth ? std::min(2 * have, capacity_) : capacity_;
  if (wanted > least) {
    const std::uint64_t ahead = std::min(wanted - least, MayTake(*file, kShareAhead));
    wanted = least + ahead;
  } else {
    wanted = least;
  }
  absl::Status status = file->Allocate(wanted);
  if (absl::IsResourceExhausted(status) && wanted > least) {
    wanted = least;
    status = file->Allocate(wanted);
  }
  if (status.ok()) HasGrown(wanted);
  return status;
}

absl::Status SegmentFile::Extend(std::uint64_t position, bool in_hurry) {
  const std::uint64_t needed = position + frame::kSealBytes;
  if (needed > capacity_) return absl::OutOfRangeError("the segment is full");
  if (needed > bytes()) {
    MutexLock growth(growth_mutex_);
    if (const auto status = GrowTo(needed); !status.ok()) return status;
  }
  Grant(position, in_hurry);
  return absl::OkStatus();
}

bool SegmentFile::GrowAhead(Directory& directory) {
  if (!is_filling() || is_busy()) return false;
  if (IsPlanted(PlantedBug::kGrowsOutsideOfLock)) {
    const auto other = directory.OpenFile(identity_.name, FileMode::kReadWrite);
    if (!other.ok() || !(*other)->Allocate(capacity_).ok()) return false;
    MutexLock growth(growth_mutex_);
    HasGrown(capacity_);
    return true;
  }
  MutexLock growth(growth_mutex_);
  const std::uint64_t have = bytes();
  // A segment that is closing grows no more; what is behind its seal may have been given back.
  if (have == capacity_ || have < next_look_ || gate_->is_closing()) return false;
  const auto file = Opened(directory);
  // The append that needs it sooner says what is wrong.
  if (!file.ok() || MayTake(**file, kShareAhead) < capacity_ - have ||
      !(*file)->Allocate(capacity_).ok()) {
    next_look_ = have + steps_.largest_growth;
    return false;
  }
  HasGrown(capacity_);
  return true;
}

absl::Status SegmentFile::Allocate(std::uint64_t end) {
  MutexLock growth(growth_mutex_);
  std::shared_ptr<File> file;
  {
    MutexLock lock(mutex_);
    file = file_;
  }
  if (const auto status = file->Allocate(end); !status.ok()) return status;
  HasGrown(end);
  return absl::OkStatus();
}

absl::Status SegmentFile::Trim(Directory& directory, std::uint64_t end) {
  MutexLock growth(growth_mutex_);
  MutexLock lock(mutex_);
  const auto file = OpenedLocked(directory);
  if (!file.ok()) return file.status();
  const std::uint64_t have = std::max(bytes(), unused_end_);
  const absl::Status status = (*file)->Deallocate(RoundUpToPage(end), have);
  file_.reset();
  return status;
}

void SegmentFile::PageIn(std::uint64_t position) {
  while (paged_in_ < position) {
    // Where that fails, appends take the page faults themselves.
    if (file_ == nullptr || !PageInStep(*file_, steps_.page_in, capacity_, &paged_in_)) {
      paged_in_ = capacity_;
    }
  }
}

void SegmentFile::PrepareSeal(std::uint64_t end) {
  MutexLock lock(mutex_);
  NoteClaimBound(end);
  if (!IsPlanted(PlantedBug::kPagesInOverSeal)) paged_in_ = capacity_;
}

bool SegmentFile::PageInAhead() {
  const std::uint64_t appended = PositionOf(gate_->claimed());
  MutexLock lock(mutex_);
  if (file_ == nullptr || !in_hurry_ ||
      paged_in_ >= std::min(appended + steps_.page_in_lead, capacity_)) {
    return false;
  }
  PageIn(paged_in_ + 1);
  return true;
}

void SegmentFile::Grant(std::uint64_t position, bool in_hurry) {
  MutexLock lock(mutex_);
  GrantLocked(position, in_hurry);
}

void SegmentFile::GrantLocked(std::uint64_t position, bool in_hurry) {
  std::uint64_t end = std::min(limit_.load(std::memory_order_relaxed), position + steps_.grant);
  in_hurry_ = in_hurry;
  if (is_busy() && in_hurry) {
    PageIn(position);
    end = std::min(end, paged_in_);
  } else {
    paged_in_ = std::max(paged_in_, RoundUpToPage(end));  // by whoever appends
  }
  if (end > gate_->granted()) {
    NoteClaimBound(end);
    gate_->SetGranted(end);
  }
}

bool SegmentFile::ReleasePages(std::uint64_t end, bool all) {
  MutexLock lock(mutex_);
  if (end < let_go_ + (all ? 1 : steps_.let_go)) return false;
  const std::uint64_t step = std::min(let_go_ + steps_.let_go, end);
  map_->ReleasePages(let_go_, step);
  let_go_ = step;
  return true;
}

}  // namespace daybook::inline v1
