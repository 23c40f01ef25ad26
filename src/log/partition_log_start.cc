#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/deadline.h"
#include "base/planted_bug.h"
#include "log/partition_log.h"
#include "log/store/log_start.h"

// Where a log begins for readers, apart from the segments that it has.

namespace daybook::inline v1 {
absl::Status PartitionLog::RaiseLogStart(Offset start) {
  const auto end = stable_end();
  if (!end.ok()) return end.status();
  if (start > *end) {
    return absl::OutOfRangeError(absl::StrCat(name().directory(), ": its start cannot become ",
                                              start.value(), ", since it ends at ", end->value(),
                                              " for readers; name an offset up to that"));
  }
  const auto raise = [&] {
    MutexLock drop_lock(dropped_files_.mutex());
    if (start <= segments_.bounds().start()) return absl::OkStatus();
    auto status = MakeStartDurable(start);
    if (status.ok()) segments_.bounds().RaiseStart(start);
    return status;
  };
  auto raised = raise();
  if (absl::IsResourceExhausted(raised)) {
    // There is no room for the note: what whole segments give back makes some.
    if (const auto status = DropBefore(start); !status.ok()) return status;
    raised = raise();
  }
  if (!raised.ok()) return raised;
  Announce();  // to readers that stand before it
  return DropBefore(start);
}

void PartitionLog::SetVisibleEnd(Offset end) {
  segments_.bounds().SetVisibleEnd(end);
  Announce();
}

absl::Status PartitionLog::MakeStartDurable(Offset start) {
  {
    MutexLock lock(segments_.mutex());
    if (const auto status = segments_.WritableStatus(); !status.ok()) return status;
  }
  if (!segments_.has_files() || IsPlanted(PlantedBug::kStartNotDurable)) return absl::OkStatus();
  // A log that has lost its end would begin behind it.
  const auto deadline = DeadlineAfter(kSyncTimeout);
  if (const auto status = WaitDurable(start, deadline); !status.ok()) return status;
  MutexLock ahead_lock(files_.preparer().mutex());
  if (const auto status = CheckHasDirectory(); !status.ok()) return status;
  const auto directory = segments_.directory().Open();
  if (!directory.ok()) return directory.status();
  return WriteLogStart(**directory, start);
}

}  // namespace daybook::inline v1
