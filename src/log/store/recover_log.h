#ifndef DAYBOOK_LOG_STORE_RECOVER_LOG_H_
#define DAYBOOK_LOG_STORE_RECOVER_LOG_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "daybook/system/file_system.h"
#include "log/log_context.h"
#include "log/store/segment_list.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

// What a log is when its directory has been opened for writing.
struct RecoveredLog {
  std::vector<SegmentSlot> slots;              // by base offset
  Offset next_base;                            // of the segment after the last one
  std::uint32_t leader_epoch = 0;              // the highest of those that were looked at
  Offset durable_end;                          // all before it is known to be durable
  bool has_start_file = false;                 // with its log start offset
  absl::Status refusal;                        // why nothing may be appended; OK: it may
  std::shared_ptr<Segment> active = nullptr;   // in which appends go on; null: in a new one
  std::shared_ptr<Segment> to_trim = nullptr;  // sealed just now; null: there is none
};

struct RecoverLogOptions {
  const LogContext& context;
  const PartitionName& name;
  std::uint32_t max_frame_bytes = 0;  // of the topic, now
  RecoveryCounters& counters;
};

// Opens the segments in `directory`, recovering one by one those that may need it. What recovery
// does inside a segment is said in segment/segment_recovery.cc; here is what it means for the
// segments behind it. After an error the next call goes on.
absl::StatusOr<RecoveredLog> RecoverLog(Directory& directory, const RecoverLogOptions& options);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_RECOVER_LOG_H_
