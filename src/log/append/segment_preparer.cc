#include "log/append/segment_preparer.h"

#include <chrono>
#include <utility>

namespace daybook::inline v1 {
namespace {

// A reserve that cannot be had whole is made smaller by this part of it, again and again.
constexpr std::uint64_t kReserveSteps = 6;
// A step of appends, a mebibyte, in less time than this makes the rate high: the zeros that bring
// pages in take less of a core then than the page faults would keep appends waiting.
constexpr std::chrono::milliseconds kShort{32};
// In less than this the thread that works ahead is the slower one, and page faults are left to the
// appends: two threads share the work. The clock may be as coarse as this.
constexpr std::chrono::milliseconds kVeryShort{4};

}  // namespace

bool SegmentPreparer::NoteExtension(SegmentList&, Timestamp now) {
  extension_interval_ = now - last_extension_;
  last_extension_ = now;
  return extension_interval_ < kShort;
}

void SegmentPreparer::TrimLater(SegmentList&, std::shared_ptr<Segment> segment) {
  to_trim_.push_back(std::move(segment));
}

void SegmentPreparer::Forget(SegmentList&, const std::shared_ptr<Segment>& segment) {
  std::erase(to_trim_, segment);
}

bool SegmentPreparer::has_prepared(SegmentList&) const { return prepared_ != nullptr; }

std::unique_ptr<PreparedFile> SegmentPreparer::TakePrepared(SegmentList&) {
  return std::move(prepared_);
}

void SegmentPreparer::Trim(Segment& segment) {
  segment.times().LearnOfAppends(segment);
  while (segment.ReleasePagesBehind()) {
  }
  if (const auto directory = directory_.Open(); directory.ok()) {
    segment.Tidy(**directory).IgnoreError();
  }
}

bool SegmentPreparer::WorkAheadOf(SegmentList& segments, const std::shared_ptr<Segment>& active) {
  bool lacks_next = false;
  std::chrono::nanoseconds interval;
  {
    MutexLock lock(segments.mutex());
    interval = extension_interval_;
    // From the middle on: by then it is likely to be needed, and there is still time.
    lacks_next = !prepared_ && settings_.reserve_bytes == 0 && active->file().is_busy() &&
                 unprepared_ != active->base_offset() &&
                 PositionOf(active->ClaimedEnd()) > active->header().capacity / 2;
  }
  // What an append could run into comes first.
  if (active->file().is_filling() && !active->file().is_busy()) {
    const auto directory = directory_.Open();
    const bool has_grown = directory.ok() && active->file().GrowAhead(**directory);
    {
      MutexLock lock(segments.mutex());  // no append is in need of the descriptor now
      segments.CloseFileIfScarce(*active);
    }
    if (has_grown) return true;
  }
  const bool maps = interval >= kVeryShort;
  if (active->file().is_busy() && active->file().PageInAhead(maps)) return true;
  if (lacks_next) {
    return Prepare(segments, *active,
                   {.bytes = settings_.segment_bytes,
                    .capacity = settings_.segment_bytes,
                    .page_in = pages_in() && interval < kShort,
                    .maps = maps,
                    .steps = context_.steps});
  }
  return active->file().is_busy() && active->ReleasePagesBehind();
}

bool SegmentPreparer::Prepare(SegmentList& segments, const Segment& active,
                              const PrepareOptions& options) {
  const auto directory = directory_.Open();
  if (!directory.ok()) return false;
  auto prepared = PrepareFile(**directory, options);
  MutexLock lock(segments.mutex());
  if (!prepared.ok()) {  // the append that needs it says what is wrong
    unprepared_ = active.base_offset();
    return false;
  }
  prepared_ = std::make_unique<PreparedFile>(*std::move(prepared));
  return true;
}

bool SegmentPreparer::TrimOne(SegmentList& segments) {
  std::shared_ptr<Segment> segment;
  {
    MutexLock lock(segments.mutex());
    if (to_trim_.empty()) return false;
    segment = std::move(to_trim_.back());
    to_trim_.pop_back();
  }
  Trim(*segment);
  return true;
}

void SegmentPreparer::KeepReserve(SegmentList&, const Segment* active, std::uint64_t least_bytes) {
  if (settings_.reserve_bytes == 0 || prepared_) return;
  lacks_reserve_.store(true, std::memory_order_relaxed);
  // What a smaller one gives back when it is dropped would not do for the next reserve.
  if (active != nullptr && active->Bytes().bytes.size() < settings_.least_reserve_bytes()) return;
  const auto directory = directory_.Open();
  if (!directory.ok()) return;
  const std::uint64_t step = settings_.reserve_bytes / kReserveSteps;
  for (std::uint64_t bytes = settings_.reserve_bytes; bytes >= least_bytes; bytes -= step) {
    auto prepared = PrepareFile(**directory, {.bytes = bytes,
                                              .capacity = settings_.segment_bytes,
                                              .is_reserve = true,
                                              .steps = context_.steps});
    if (!prepared.ok()) continue;
    prepared_ = std::make_unique<PreparedFile>(*std::move(prepared));
    lacks_reserve_.store(false, std::memory_order_relaxed);
    return;
  }
}

void SegmentPreparer::Finish(SegmentList& segments) {
  MutexLock ahead_lock(mutex_);
  std::vector<std::shared_ptr<Segment>> to_trim;
  bool has_prepared = false;
  {
    MutexLock lock(segments.mutex());
    to_trim.swap(to_trim_);
    has_prepared = std::exchange(prepared_, nullptr) != nullptr;
  }
  for (const std::shared_ptr<Segment>& segment : to_trim) Trim(*segment);
  if (!has_prepared) return;
  if (const auto directory = directory_.Open(); directory.ok()) {
    RemovePreparedFile(**directory);
  }
}

}  // namespace daybook::inline v1
