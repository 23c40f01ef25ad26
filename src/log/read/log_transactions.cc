#include "log/read/log_transactions.h"

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

}  // namespace daybook::inline v1
