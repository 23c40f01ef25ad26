#include "consumer/run/offset_tracker.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace daybook::inline v1 {
namespace {

constexpr std::uint64_t kFinished = 1;

}  // namespace

OffsetTracker::Ticket OffsetTracker::Dispatch(Offset offset) {
  assert(offset >= position_);
  if (size() == ring_.size()) Grow();
  WordOf(end_) = static_cast<std::uint64_t>(offset.value()) << 1;
  position_ = offset + 1;
  return end_++;
}

void OffsetTracker::PassTo(Offset next) { position_ = std::max(position_, next); }

void OffsetTracker::Finish(Ticket ticket) {
  assert(ticket >= begin_ && ticket < end_ && (WordOf(ticket) & kFinished) == 0);
  WordOf(ticket) |= kFinished;
  while (begin_ != end_ && (WordOf(begin_) & kFinished) != 0) ++begin_;
}

Offset OffsetTracker::committable() const {
  if (begin_ == end_) return position_;
  return Offset(static_cast<std::int64_t>(WordOf(begin_) >> 1));
}

void OffsetTracker::Grow() {
  std::vector<std::uint64_t> ring(2 * ring_.size());
  for (Ticket ticket = begin_; ticket != end_; ++ticket) {
    ring[ticket & (ring.size() - 1)] = WordOf(ticket);
  }
  ring_ = std::move(ring);
}

}  // namespace daybook::inline v1
