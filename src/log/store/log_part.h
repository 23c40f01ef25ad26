#ifndef DAYBOOK_LOG_STORE_LOG_PART_H_
#define DAYBOOK_LOG_STORE_LOG_PART_H_

#include <cstdint>
#include <span>

#include "base/checksum.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

// The number of a partition for FileLock::ShowInUse. Those of one topic lie side by side: the
// kernel keeps what is locked so as one range, and goes through all ranges for each lock. Of two
// topics they seldom meet.
inline std::uint64_t PartOf(const PartitionName& name) {
  constexpr int kPartitionBits = 20;
  return Hash64(std::as_bytes(std::span(name.topic()))) << kPartitionBits |
         static_cast<std::uint64_t>(name.partition());
}

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_LOG_PART_H_
