#include <utility>

#include "log/partition_log.h"

// What goes on ahead of the appends, in a thread of its own. Page faults are half of the cost of an
// append into fresh file pages, and making a file of 64 MiB costs as much as thousands of appends;
// neither is to be waited for by whoever appends.

namespace daybook::inline v1 {
namespace {

// A reserve that cannot be had whole is made smaller by this part of it, again and again.
constexpr std::uint64_t kReserveSteps = 6;

}  // namespace

void PartitionLog::RequestWorkAhead() {
  if (!context_.request_work_ahead) return;
  if (background_.has_requested_work.load(std::memory_order_relaxed)) return;
  if (!background_.has_requested_work.exchange(true)) context_.request_work_ahead(*this);
}

void PartitionLog::TidyUp(Segment& segment) {
  if (is_in_memory()) return;
  segment.times().LearnOfAppends(segment);
  while (segment.LetGoBehind()) {
  }
  if (const auto directory = OpenDirectory(); directory.ok()) {
    segment.Tidy(**directory).IgnoreError();
  }
}

bool PartitionLog::WorkAhead() {
  background_.has_requested_work.store(false);
  MutexLock ahead_lock(ahead_mutex_);
  std::shared_ptr<Segment> active;
  bool lacks_next = false;
  bool in_hurry = false;
  {
    MutexLock lock(mutex_);
    if (!closed_.ok()) return false;
    if (active_.load(std::memory_order_relaxed) != nullptr) active = segments_.back().segment;
    in_hurry = is_in_hurry_;
    // From the middle on: by then it is likely to be needed, and there is still time.
    lacks_next = !prepared_ && settings_.reserve_bytes == 0 && active != nullptr &&
                 active->is_busy() && unprepared_ != active->base_offset() &&
                 PositionOf(active->ClaimedEnd()) > active->header().capacity / 2;
  }
  if (context_.before_work) context_.before_work(*this);
  // What an appender could run into comes first.
  if (active != nullptr && active->is_filling() && !active->is_busy()) {
    const auto directory = OpenDirectory();
    const bool has_grown = directory.ok() && active->GrowAhead(**directory);
    {
      MutexLock lock(mutex_);  // no append is in need of the descriptor now
      CloseFileIfScarce(*active);
    }
    if (has_grown) return true;
  }
  if (active != nullptr && active->is_busy() && active->PageInAhead()) return true;
  if (lacks_next) {
    const auto directory = OpenDirectory();
    if (!directory.ok()) return false;
    auto prepared = Segment::Prepare(**directory, {.bytes = settings_.segment_bytes,
                                                   .capacity = settings_.segment_bytes,
                                                   .page_in = pages_in() && in_hurry,
                                                   .steps = context_.steps});
    MutexLock lock(mutex_);
    if (!prepared.ok()) {  // the append that needs it says what is wrong
      unprepared_ = active->base_offset();
      return false;
    }
    prepared_ = *std::move(prepared);
    return true;
  }
  if (active != nullptr && active->is_busy() && active->LetGoBehind()) return true;
  if (compressor_->is_training_due()) {
    compressor_->Train().IgnoreError();  // then there is none; records stay larger
    return true;
  }
  std::shared_ptr<Segment> untidy;
  {
    MutexLock lock(mutex_);
    if (untidy_.empty()) return false;
    untidy = std::move(untidy_.back());
    untidy_.pop_back();
  }
  TidyUp(*untidy);
  return true;
}

void PartitionLog::KeepReserve(std::uint64_t least_bytes) {
  if (settings_.reserve_bytes == 0 || prepared_ || !WritableStatus().ok()) return;
  lacks_reserve_.store(true, std::memory_order_relaxed);
  const Segment* active = active_.load(std::memory_order_relaxed);
  // What a smaller one gives back when it is dropped would not do for the next reserve.
  if (active != nullptr && active->Bytes().bytes.size() < settings_.least_reserve_bytes()) return;
  const auto directory = OpenDirectory();
  if (!directory.ok()) return;
  const std::uint64_t step = settings_.reserve_bytes / kReserveSteps;
  for (std::uint64_t bytes = settings_.reserve_bytes; bytes >= least_bytes; bytes -= step) {
    auto prepared = Segment::Prepare(**directory, {.bytes = bytes,
                                                   .capacity = settings_.segment_bytes,
                                                   .is_reserve = true,
                                                   .steps = context_.steps});
    if (!prepared.ok()) continue;
    prepared_ = *std::move(prepared);
    lacks_reserve_.store(false, std::memory_order_relaxed);
    return;
  }
}

void PartitionLog::FinishWorkAhead() {
  MutexLock ahead_lock(ahead_mutex_);
  std::vector<std::shared_ptr<Segment>> untidy;
  bool has_prepared = false;
  {
    MutexLock lock(mutex_);
    untidy.swap(untidy_);
    has_prepared = std::exchange(prepared_, std::nullopt).has_value();
  }
  for (const std::shared_ptr<Segment>& segment : untidy) TidyUp(*segment);
  if (!has_prepared) return;
  if (const auto directory = OpenDirectory(); directory.ok()) {
    Segment::RemovePrepared(**directory);
  }
}

}  // namespace daybook::inline v1
