#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/partition_log.h"

// A log in memory: when it has all the segments that it may have, the oldest one is dropped, and
// comes back to the pool as soon as nobody reads it any more. Batches that a reader holds, and the
// segment that its cursor stands in, so come on top of the bound.

namespace daybook::inline v1 {
namespace {

constexpr std::chrono::microseconds kLook{50};
// How often an append that waits for readers looks whether they are there.
constexpr std::chrono::milliseconds kLookForLost{100};

}  // namespace

ReadMark::ReadMark(std::shared_ptr<PartitionLog> log, Offset offset)
    : log_(std::move(log)), offset_(offset.value()) {
  MutexLock lock(log_->mutex_);
  log_->marks_.push_back(this);
}

ReadMark::~ReadMark() {
  MutexLock lock(log_->mutex_);
  std::erase(log_->marks_, this);
  log_->room_.NotifyAll();
}

void ReadMark::Move(Offset offset) {
  offset_.store(offset.value());
  if (log_->room_waiters_.load() == 0) return;
  MutexLock lock(log_->mutex_);
  log_->room_.NotifyAll();
}

std::unique_ptr<ReadMark> PartitionLog::Mark(Offset offset) {
  if (!is_in_memory() || settings_.memory->when_full == WhenFull::kDropOldest) return nullptr;
  return std::make_unique<ReadMark>(shared_from_this(), offset);
}

bool PartitionLog::IsUnread(Offset end) const {
  return marks_.empty() || std::any_of(marks_.begin(), marks_.end(),
                                       [&](const ReadMark* mark) { return mark->offset() < end; });
}

bool PartitionLog::MakeRoom() {
  const MemorySettings& memory = *settings_.memory;
  while (segments_.size() >= memory.segments) {
    Segment& oldest = *segments_.front().segment;
    const auto sealed = oldest.sealed_end();
    if (!sealed) return false;
    if (memory.when_full != WhenFull::kDropOldest &&
        IsUnread(oldest.base_offset() + RecordsOf(*sealed))) {
      return false;
    }
    // A claim in it is still open. That takes microseconds, or as long as its thread has no core;
    // meanwhile there may be more segments, but not without end.
    if (oldest.CommittedEnd() != *sealed) return segments_.size() < 2 * memory.segments;
    segments_.erase(segments_.begin());
    if (first_uncommitted_ != 0) --first_uncommitted_;
  }
  return true;
}

absl::Status PartitionLog::AwaitRoom(std::chrono::steady_clock::time_point deadline) {
  if (settings_.memory->when_full == WhenFull::kFail) return Full();
  // Nobody tells of a claim that is committed.
  const bool looks_often = settings_.memory->when_full == WhenFull::kDropOldest;
  room_waiters_.fetch_add(1);
  bool has_room = false;
  bool is_late = false;
  const bool may_be_lost = context_.drop_lost_readers && !looks_often;
  auto look_for_lost = may_be_lost ? std::chrono::steady_clock::now() + kLookForLost : deadline;
  while (closed_.ok() && active_.load(std::memory_order_relaxed) == nullptr) {
    has_room = MakeRoom();
    if (has_room || is_late) break;
    auto now = std::chrono::steady_clock::now();
    if (may_be_lost && now >= look_for_lost) {
      // It takes locks of groups, and then this one.
      mutex_.Unlock();
      context_.drop_lost_readers();
      mutex_.Lock();
      now = std::chrono::steady_clock::now();
      look_for_lost = now + kLookForLost;
      continue;
    }
    is_late = now >= deadline;
    if (!is_late) {
      room_.WaitUntil(mutex_, std::min(deadline, looks_often ? now + kLook : look_for_lost));
    }
  }
  room_waiters_.fetch_sub(1);
  return has_room || !is_late ? absl::OkStatus() : Full();
}

absl::Status PartitionLog::Full() const {
  const Segment& oldest = *segments_.front().segment;
  const Offset begin = oldest.base_offset();
  std::string why = "nobody reads it";
  if (settings_.memory->when_full == WhenFull::kDropOldest) {
    why = "a claim in the oldest part is held open";
  } else if (!marks_.empty()) {
    const auto slowest = std::min_element(
        marks_.begin(), marks_.end(),
        [](const ReadMark* a, const ReadMark* b) { return a->offset() < b->offset(); });
    why = absl::StrCat("the slowest reader is at offset ", (*slowest)->offset().value());
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      name_.directory(), ": its ", segments_.size() * settings_.segment_bytes,
      " bytes of memory are full, from offset ", begin.value(), " to ", next_base_.value(),
      ", and ", why, "; read or commit, raise memory.bytes, or set memory.when.full=drop-oldest"));
}

}  // namespace daybook::inline v1
