#include "log/append/dropped_files.h"

#include "segment/partition_name.h"

namespace daybook::inline v1 {

absl::Status DroppedFiles::RemoveAll(const PartitionDirectory& directory) {
  const auto opened = directory.Open();
  if (!opened.ok()) return opened.status();
  while (!bases_.empty()) {
    const Offset base = bases_.front();
    // It may have none of these.
    (*opened)->RemoveFile(SegmentFileName(base, ".index")).IgnoreError();
    (*opened)->RemoveFile(SegmentFileName(base, ".producers")).IgnoreError();
    const auto removed = (*opened)->RemoveFile(SegmentFileName(base, ".log"));
    // It is gone already if the last call failed after this.
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    if (const auto status = (*opened)->Sync(); !status.ok()) return status;
    bases_.erase(bases_.begin());
  }
  return absl::OkStatus();
}

}  // namespace daybook::inline v1
