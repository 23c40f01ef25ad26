#include "log/append/dropped_files.h"

#include "log/store/replace_segments.h"
#include "segment/partition_name.h"

namespace daybook::inline v1 {

absl::Status DroppedFiles::RemoveAll(const PartitionDirectory& directory) {
  const auto opened = directory.Open();
  if (!opened.ok()) return opened.status();
  while (!replaced_.empty()) {
    // First the step, which may not be durable yet.
    if (const auto status = (*opened)->Sync(); !status.ok()) return status;
    const auto removed = RemoveReplaced(**opened, replaced_.front());
    if (!removed.ok()) return removed;
    replaced_.erase(replaced_.begin());
  }
  while (!bases_.empty()) {
    const auto removed = RemoveSegmentFiles(**opened, bases_.front());
    // It is gone already if the last call failed after this.
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    if (const auto status = (*opened)->Sync(); !status.ok()) return status;
    bases_.erase(bases_.begin());
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
