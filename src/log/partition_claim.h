#ifndef DAYBOOK_LOG_PARTITION_CLAIM_H_
#define DAYBOOK_LOG_PARTITION_CLAIM_H_

#include "log/partition_log.h"

namespace daybook::inline v1 {

// How every append claims: apart, since only who appends has it inlined.
inline absl::Status PartitionLog::ClaimBytes(std::uint64_t bytes, Claimed* claimed,
                                             std::uint64_t records) {
  ClaimGate* gate = gate_.load(std::memory_order_acquire);
  ClaimWord before = 0;
  if (gate != nullptr && gate->Admits(bytes)) [[likely]] {
    before = gate->Claim(bytes, records);
    if (gate->Fits(before, bytes)) [[likely]] {
      *claimed = {gate->segment(), before};
      return absl::OkStatus();
    }
  } else {
    gate = nullptr;
  }
  // By value, so that what is claimed stays in registers.
  const auto slowly = ClaimSlowly(bytes, records, gate, before);
  if (!slowly.ok()) return slowly.status();
  *claimed = *slowly;
  return absl::OkStatus();
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_PARTITION_CLAIM_H_
