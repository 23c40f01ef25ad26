#include "segment/segment_file.h"

#include <algorithm>
#include <utility>

#include "base/page.h"
#include "base/planted_bug.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
SegmentFile::SegmentFile(Identity identity, PreparedFile file, const SegmentSteps& steps,
                         ClaimGate* gate)
    : identity_(std::move(identity)),
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
    auto file = directory.OpenFile(identity_.name(), FileMode::kReadWrite);
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
  const std::uint64_t least = std::min(identity_.capacity, RoundUpToPage(needed));
  std::uint64_t wanted =
      have < steps_.largest_growth ? std::min(2 * have, identity_.capacity) : identity_.capacity;
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
  if (needed > identity_.capacity) return absl::OutOfRangeError("the segment is full");
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
    const auto other = directory.OpenFile(identity_.name(), FileMode::kReadWrite);
    if (!other.ok() || !(*other)->Allocate(identity_.capacity).ok()) return false;
    MutexLock growth(growth_mutex_);
    HasGrown(identity_.capacity);
    return true;
  }
  MutexLock growth(growth_mutex_);
  const std::uint64_t have = bytes();
  // A segment that is closing grows no more; what is behind its seal may have been given back.
  if (have == identity_.capacity || have < next_look_ || gate_->is_closing()) return false;
  const auto file = Opened(directory);
  // The append that needs it sooner says what is wrong.
  if (!file.ok() || MayTake(**file, kShareAhead) < identity_.capacity - have ||
      !(*file)->Allocate(identity_.capacity).ok()) {
    next_look_ = have + steps_.largest_growth;
    return false;
  }
  HasGrown(identity_.capacity);
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

bool SegmentFile::PageIn(std::uint64_t position) {
  while (paged_in_ < position) {
    if (file_ != nullptr && PageInStep(*file_, steps_.page_in, identity_.capacity, &paged_in_)) {
      continue;
    }
    paged_in_ = identity_.capacity;  // appends take the page faults themselves
    return false;
  }
  return true;
}

void SegmentFile::PrepareSeal(std::uint64_t end) {
  MutexLock lock(mutex_);
  NoteClaimBound(end);
  if (!IsPlanted(PlantedBug::kPagesInOverSeal)) paged_in_ = identity_.capacity;
}

bool SegmentFile::PageInAhead(bool maps) {
  const std::uint64_t appended = PositionOf(gate_->claimed());
  MutexLock lock(mutex_);
  if (file_ == nullptr || !in_hurry_ ||
      paged_in_ >= std::min(appended + steps_.page_in_lead, identity_.capacity)) {
    return false;
  }
  const std::uint64_t begin = paged_in_;
  if (!PageIn(begin + 1)) return false;
  if (maps) MapPages(*map_, begin, paged_in_);
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
