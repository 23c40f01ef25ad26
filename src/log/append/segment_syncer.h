#ifndef DAYBOOK_LOG_APPEND_SEGMENT_SYNCER_H_
#define DAYBOOK_LOG_APPEND_SEGMENT_SYNCER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "daybook/offset.h"
#include "log/append/group_commit.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// One sync of a log: the names of its segments, then what is committed in them, in order and each
// whole before the next, so that the durable part is always a beginning. One thread at a time; the
// log's lock is taken now and then.
class SegmentSyncer {
 public:
  // `segments` must outlive this.
  explicit SegmentSyncer(SegmentStore& segments) : segments_(segments) {}

  // See SyncableLog::SyncCommitted.
  SyncableLog::Synced Sync(Offset durable_end);

 private:
  // Null: it was replaced, and its name is not durable yet.
  absl::StatusOr<std::shared_ptr<Segment>> SegmentToSync(const SegmentSlot& listed);

  SegmentStore& segments_;
  Offset first_undurable_;  // all segments before it are durable
  // How many segments had been added to the list when the names of all were made durable.
  std::optional<std::uint64_t> durable_names_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_APPEND_SEGMENT_SYNCER_H_
