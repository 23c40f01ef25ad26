#include "log/read/log_transactions.h"

#include <algorithm>
#include <limits>

#include "base/planted_bug.h"

namespace daybook::inline v1 {

LogTransactions::Decision LogTransactions::Of(const std::byte* frame) const {
  if (context_.transactions == nullptr) return Decision::kCommitted;
  // Nobody's: in the log of decisions, which cannot ask itself.
  if (is_internal_) return Decision::kAborted;
  const Decision decision = context_.transactions->Of(frame::TransactionOf(frame));
  if (IsPlanted(PlantedBug::kDeliverAborted) && decision == Decision::kAborted) {
    return Decision::kCommitted;
  }
  if (IsPlanted(PlantedBug::kDeliverUndecided) && decision == Decision::kUndecided) {
    return Decision::kCommitted;
  }
  return decision;
}

std::optional<LogTransactions::Decision> LogTransactions::At(Segment& segment,
                                                             std::uint64_t position) const {
  frame::FrameHeader header;
  if (segment.ReadFrame(position, &header) != frame::FrameState::kValid ||
      frame::KindOf(header.length_word) != frame::Kind::kTransactional) {
    return std::nullopt;
  }
  return Of(segment.At(position));
}

void LogTransactions::Note(Offset first, Prepared frame) {
  frame.front().first = first;
  MutexLock lock(mutex_);
  undecided_.splice(undecided_.end(), frame);
}

Offset LogTransactions::FirstUndecided() {
  const TransactionTable* const table = context_.transactions;
  Offset first(std::numeric_limits<std::int64_t>::max());
  MutexLock lock(mutex_);
  std::erase_if(undecided_, [table](const Frame& frame) {
    return table == nullptr || table->Of(frame.id) != Decision::kUndecided;
  });
  for (const Frame& frame : undecided_) first = std::min(first, frame.first);
  return first;
}

}  // namespace daybook::inline v1
