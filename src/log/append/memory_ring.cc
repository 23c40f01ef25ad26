#include "log/append/memory_ring.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"

namespace daybook::inline v1 {
namespace {

// An open claim in the oldest segment is looked at this often.
constexpr std::chrono::microseconds kLook{50};
// How often an append that waits for readers looks whether they are there.
constexpr std::chrono::milliseconds kLookForLost{100};

}  // namespace

MemoryRing::MemoryRing(const LogContext& context, const PartitionName& name,
                       const LogSettings& settings)
    : context_(context),
      directory_(name.directory()),
      settings_(*settings.memory),
      segment_bytes_(settings.segment_bytes),
      pool_(std::make_shared<SegmentPool>(name, segment_bytes_, settings.max_frame_bytes())) {}

ReadMark::ReadMark(std::shared_ptr<const void> log, MemoryRing& ring, SegmentList& segments,
                   Offset offset)
    : log_(std::move(log)), ring_(ring), segments_(segments), offset_(offset.value()) {
  ring_.AddMark(segments_, this);
}

ReadMark::~ReadMark() { ring_.RemoveMark(segments_, this); }

void ReadMark::Move(Offset offset) {
  offset_.store(offset.value());
  ring_.MarkMoved(segments_);
}

void MemoryRing::AddMark(SegmentList& segments, const ReadMark* mark) {
  MutexLock lock(segments.mutex());
  marks_.push_back(mark);
}

void MemoryRing::RemoveMark(SegmentList& segments, const ReadMark* mark) {
  MutexLock lock(segments.mutex());
  std::erase(marks_, mark);
  room_.NotifyAll();
}

void MemoryRing::MarkMoved(SegmentList& segments) {
  if (waiters_.load() == 0) return;
  MutexLock lock(segments.mutex());
  room_.NotifyAll();
}

bool MemoryRing::IsUnread(Offset end) const {
  return marks_.empty() || std::any_of(marks_.begin(), marks_.end(),
                                       [&](const ReadMark* mark) { return mark->offset() < end; });
}

bool MemoryRing::MakeRoom(SegmentStore& segments) {
  while (segments.size() >= settings_.segments) {
    Segment& oldest = *segments.front().segment;
    const auto sealed = oldest.sealed_end();
    if (!sealed) return false;
    if (keeps_unread() && IsUnread(oldest.base_offset() + RecordsOf(*sealed))) return false;
    // A claim in it is still open. That takes microseconds, or as long as its thread has no core;
    // meanwhile there may be more segments, but not without end.
    if (oldest.CommittedEnd() != *sealed) return segments.size() < 2 * settings_.segments;
    segments.Remove(0, 1);
  }
  return true;
}

absl::Status MemoryRing::AwaitRoom(SegmentStore& segments, Time* until,
                                   const std::function<bool()>& is_wanted) {
  if (settings_.when_full == WhenFull::kFail) return Full(segments);
  if (*until == Time()) *until = DeadlineAfter(settings_.max_block);
  const Time deadline = *until;
  // Nobody tells of a claim that is committed.
  const bool looks_often = !keeps_unread();
  waiters_.fetch_add(1);
  bool has_room = false;
  bool is_late = false;
  const bool may_be_lost = context_.drop_lost_readers && !looks_often;
  auto look_for_lost = may_be_lost ? std::chrono::steady_clock::now() + kLookForLost : deadline;
  while (is_wanted()) {
    has_room = MakeRoom(segments);
    if (has_room || is_late) break;
    auto now = std::chrono::steady_clock::now();
    if (may_be_lost && now >= look_for_lost) {
      // It takes locks of groups, and then this one.
      segments.mutex().Unlock();
      context_.drop_lost_readers();
      segments.mutex().Lock();
      now = std::chrono::steady_clock::now();
      look_for_lost = now + kLookForLost;
      continue;
    }
    is_late = now >= deadline;
    if (!is_late) {
      room_.WaitUntil(segments.mutex(),
                      std::min(deadline, looks_often ? now + kLook : look_for_lost));
    }
  }
  waiters_.fetch_sub(1);
  return has_room || !is_late ? absl::OkStatus() : Full(segments);
}

absl::Status MemoryRing::Full(SegmentStore& segments) const {
  const Offset begin = segments.front().segment->base_offset();
  std::string why = "nobody reads it";
  if (!keeps_unread()) {
    why = "a claim in the oldest part is held open";
  } else if (!marks_.empty()) {
    const auto slowest = std::min_element(
        marks_.begin(), marks_.end(),
        [](const ReadMark* a, const ReadMark* b) { return a->offset() < b->offset(); });
    why = absl::StrCat("the slowest reader is at offset ", (*slowest)->offset().value());
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(directory_, ": its ", segments.size() * segment_bytes_,
                   " bytes of memory are full, from offset ", begin.value(), " to ",
                   segments.next_base().value(), ", and ", why,
                   "; read or commit, raise memory.bytes, or set memory.when.full=drop-oldest"));
}

}  // namespace daybook::inline v1
