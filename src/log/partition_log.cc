#include "log/partition_log.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "format/segment_header.h"

namespace daybook::inline v1 {
namespace {

// Numbers of one topic lie side by side: the kernel keeps what is locked so as one range, and goes
// through all ranges for each lock. Of two topics they seldom meet.
std::uint64_t PartOf(const PartitionName& name) {
  constexpr int kPartitionBits = 20;
  return Hash64(std::as_bytes(std::span(name.topic()))) << kPartitionBits |
         static_cast<std::uint64_t>(name.partition());
}

// A segment counts offsets to 2^32, and batches that shrink to next to nothing can use them up
// before its bytes. Threads that append at the same time pass this by no more than a batch each.
constexpr std::uint32_t kMostOffsets = std::uint32_t{1} << 31;

}  // namespace

PartitionLog::PartitionLog(const LogContext& context, PartitionName name,
                           const LogSettings& settings, RecoveryCounters& counters,
                           std::shared_ptr<TopicCompressor> compressor)
    : context_(context),
      limits_(context.limits),
      name_(std::move(name)),
      settings_(settings),
      max_frame_bytes_(
          static_cast<std::uint32_t>(settings.max_record_bytes + frame::kMaxAroundRecord)),
      counters_(counters),
      compressor_(std::move(compressor)),
      pool_(settings.memory
                ? std::make_shared<SegmentPool>(name_, settings.segment_bytes, max_frame_bytes_)
                : nullptr),
      follower_(context.follower, PartOf(name_)) {}

PartitionLog::~PartitionLog() {
  MutexLock lock(mutex_);
  limits_->maps_held.fetch_sub(static_cast<std::int64_t>(mapped_.size()),
                               std::memory_order_relaxed);
  if (holds_file_) limits_->files_held.fetch_sub(1, std::memory_order_relaxed);
}

absl::StatusOr<std::unique_ptr<Directory>> PartitionLog::OpenDirectory() {
  return context_.root->OpenDirectory(name_.directory());
}

absl::Status PartitionLog::WritableStatus() const {
  if (!deleted_.ok()) return deleted_;
  if (!closed_.ok()) return closed_;
  if (context_.is_read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(name_.directory(),
                     ": the broker is open read-only; open it with "
                     "BrokerAccess::kReadWrite to append"));
  }
  return absl::OkStatus();
}

void PartitionLog::SetActive(Segment* segment) {
  // The gate after the segment, and null before: see CommittedEnd.
  gate_.store(segment == nullptr ? nullptr : &segment->gate(), std::memory_order_release);
  active_.store(segment);
  ++rolls_;
  rolled_.NotifyAll();
  room_.NotifyAll();
}

void PartitionLog::AwaitRoll(const ClaimGate& gate) {
  // The gate may be the active one's again when we wake.
  const std::int64_t rolls = rolls_;
  while (gate_.load(std::memory_order_relaxed) == &gate && rolls_ == rolls) {
    rolled_.Wait(mutex_);
  }
}

Offset PartitionLog::SettledBefore() {
  PassCommitted().IgnoreError();  // a writer has open what it wrote
  if (segments_.empty()) return Offset(0);
  const auto end = segments_.begin() + static_cast<std::ptrdiff_t>(first_uncommitted_);
  return std::find_if(segments_.begin(), end,
                      [](const OpenSegment& slot) { return slot.is_unsettled; })
      ->base_offset;
}

absl::StatusOr<std::shared_ptr<Segment>> PartitionLog::CreateSegment(Offset base_offset,
                                                                     std::uint64_t bytes) {
  if (is_in_memory()) return pool_->Take(base_offset, context_.clock->Now());
  auto directory = OpenDirectory();
  if (absl::IsNotFound(directory.status())) {
    directory = context_.root->CreateDirectory(name_.directory());
  }
  if (!directory.ok()) return directory.status();
  SegmentSettings settings{.base_offset = base_offset,
                           .segment_id = context_.new_segment_id(),
                           .capacity = settings_.segment_bytes,
                           .max_frame_bytes = max_frame_bytes_,
                           .created = context_.clock->Now(),
                           .boot = context_.boot,
                           .settled_before = SettledBefore(),
                           .first_bytes = std::max(bytes, settings_.reserve_bytes),
                           .page_in = pages_in(),
                           .steps = context_.steps};
  if (auto prepared = std::exchange(prepared_, std::nullopt)) {
    return Segment::Create(**directory, name_, settings, *std::move(prepared));
  }
  auto created = Segment::Create(**directory, name_, settings);
  if (absl::IsResourceExhausted(created.status()) && settings.first_bytes > bytes) {
    settings.first_bytes = bytes;  // and no reserve
    created = Segment::Create(**directory, name_, settings);
  }
  return created;
}

absl::Status PartitionLog::StartSegment(Offset base_offset, std::uint64_t bytes) {
  if (base_offset.value() > frame::kMaxBaseOffset) {
    return absl::ResourceExhaustedError(absl::StrCat(name_.directory(), ": offset ",
                                                     base_offset.value(),
                                                     " is the last one; go on in another topic"));
  }
  // Before there is a file of that name.
  if (segments_.size() == segments_.capacity()) segments_.reserve(2 * segments_.size() + 4);
  auto segment = CreateSegment(base_offset, bytes);
  if (!segment.ok()) return segment.status();
  ForgetReplaced(base_offset);
  CloseFileIfScarce(**segment);  // until more is appended than a little
  segments_.push_back(
      {.base_offset = base_offset, .segment = *std::move(segment), .was_active = true});
  SetActive(segments_.back().segment.get());
  Opened(segments_.back());
  KeepReserve(settings_.reserve_bytes);
  return absl::OkStatus();
}

void PartitionLog::SealActive(Segment& segment, ClaimWord crossing) {
  segment.Seal(crossing, context_.clock->Now());
  next_base_ = segment.base_offset() + RecordsOf(crossing);
  SetActive(nullptr);
  // Before its blocks are given back: an open after a kill then knows that it needs none.
  segment.Checkpoint(context_.boot);
  try {
    if (segment.is_busy() && context_.request_work_ahead) {
      untidy_.push_back(segments_.back().segment);
      RequestWorkAhead();
    } else {
      TidyUp(segment);
    }
  } catch (const std::bad_alloc&) {
    // It has been sealed, and is tidied when it is opened again; the append goes on.
  }
  waiters_.NotifyIfAny();
}

void PartitionLog::RollIfFullOfOffsets() {
  const auto is_full = [this] {
    const ClaimGate* gate = gate_.load(std::memory_order_acquire);
    return gate != nullptr && RecordsOf(gate->claimed()) > kMostOffsets;
  };
  if (!is_full()) [[likely]]
    return;
  MutexLock lock(mutex_);
  if (!is_full()) return;
  Segment& segment = *active_.load(std::memory_order_relaxed);
  const auto end = segment.CloseHere();
  end ? SealActive(segment, *end) : AwaitRoll(segment.gate());
}

absl::StatusOr<Offset> PartitionLog::begin_offset() {
  follower_.Look();
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  return segments_.empty() ? next_base_ : segments_.front().base_offset;
}

absl::Status PartitionLog::PassCommitted() {
  if (context_.is_read_only && first_uncommitted_ + 1 < segments_.size()) {
    // The last one notes which its writer had left behind.
    if (const auto last = OpenAt(segments_.size() - 1); last.ok()) {
      const std::size_t settled = SegmentAbove(Offset((*last)->header().settled_before - 1));
      first_uncommitted_ = std::max(first_uncommitted_, std::min(settled, segments_.size() - 1));
    }
  }
  // Claims in a segment that is sealed may still be open, and then nothing behind counts.
  while (first_uncommitted_ + 1 < segments_.size()) {
    if (context_.is_read_only) {
      const Offset base = segments_[first_uncommitted_].base_offset;
      const auto status = OpenAt(first_uncommitted_).status();
      // One that is damaged or gone holds nobody up: who comes to it is told.
      if (!status.ok() && !absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
      if (FindSlot(base) == nullptr) continue;  // it is off the list now
    }
    OpenSegment& slot = segments_[first_uncommitted_];
    if (slot.segment != nullptr) {
      const ClaimWord end = slot.segment->CommittedEnd();
      if (end != slot.segment->sealed_end() && !IsDamagedEnd(slot, end)) break;
      if (slot.was_active && !IsDurable(slot)) slot.segment->Checkpoint(context_.boot);
    }
    ++first_uncommitted_;
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> PartitionLog::EndOffsetLocked() {
  while (!segments_.empty()) {
    const auto passed = PassCommitted();
    if (absl::IsOutOfRange(passed)) continue;  // one was dropped: look again
    if (!passed.ok()) return passed;
    if (segments_.empty()) break;  // not even the first one had reached the disk
    const auto segment = OpenAt(first_uncommitted_);
    if (absl::IsOutOfRange(segment.status())) continue;
    // Damaged: what is before it can be read, and who comes to it is told.
    if (absl::IsDataLoss(segment.status())) return segments_[first_uncommitted_].base_offset;
    if (!segment.ok()) return segment.status();
    const Offset base = (*segment)->base_offset();
    if (context_.is_read_only) {
      // The process that writes may have sealed it since, and gone on in the next one.
      Renew(segments_[first_uncommitted_]);
      if (segments_[first_uncommitted_].segment != *segment) continue;
      if (!PassCommitted().ok() || segments_[first_uncommitted_].base_offset != base) continue;
      if (PassDeadClaims(**segment, PositionOf((*segment)->CommittedEnd()))) continue;
    }
    return base + RecordsOf((*segment)->CommittedEnd());
  }
  return next_base_;
}

absl::StatusOr<Offset> PartitionLog::end_offset() {
  follower_.Look();
  MutexLock lock(mutex_);
  if (const auto status = Refresh(); !status.ok()) return status;
  return EndOffsetLocked();
}

}  // namespace daybook::inline v1
