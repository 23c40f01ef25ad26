#ifndef DAYBOOK_SEGMENT_SEGMENT_RECOVERY_H_
#define DAYBOOK_SEGMENT_SEGMENT_RECOVERY_H_

#include <cstdint>

namespace daybook::inline v1 {

// How writing goes on in a segment that was found on disk.
enum class SegmentState {
  kSealed,    // complete: takes no more
  kWritable,  // ends cleanly: takes more
};

// What the recovery of a segment did.
struct SegmentRecovery {
  SegmentState state = SegmentState::kWritable;
  std::uint64_t scanned_bytes = 0;  // walked over, and hashed in search of the way past damage
  std::int64_t claims_padded = 0;
  std::uint64_t torn_bytes = 0;
  // After a power cut, records are missing here that the next segment was built upon: unless
  // those are durable, they are void.
  bool was_cut = false;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_SEGMENT_SEGMENT_RECOVERY_H_
