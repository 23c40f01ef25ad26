#ifndef DAYBOOK_LOG_STORE_FILE_STORE_H_
#define DAYBOOK_LOG_STORE_FILE_STORE_H_

#include <cstdint>
#include <functional>

#include "log/store/recover_log.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// Segments in files that this process writes.
class FileStore : public SegmentStore {
 public:
  // Told once, with the lock held, what a recovery has found.
  using OnRecovered = std::function<void(const RecoveredLog&)>;

  // `max_frame_bytes`: of the topic. `counters` must outlive this.
  FileStore(const LogContext& context, const PartitionName& name, std::uint32_t max_frame_bytes,
            RecoveryCounters& counters, OnRecovered on_recovered);

  absl::Status EnsureOpen() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::StatusOr<std::shared_ptr<Segment>> OpenAt(std::size_t index) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void MarkDeleted(const absl::Status& why) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

 protected:
  bool MayUnmap(SegmentSlot& slot) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

 private:
  absl::Status Recover(Directory& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  const std::uint32_t max_frame_bytes_;
  RecoveryCounters& counters_;
  const OnRecovered on_recovered_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_FILE_STORE_H_
