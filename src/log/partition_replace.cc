#include "absl/strings/str_cat.h"
#include "log/partition_log.h"
#include "log/store/replace_segments.h"

// One segment in the place of several: what happens to the files is said in
// log/store/replace_segments.h, and here what it means for the log.

namespace daybook::inline v1 {

absl::Status PartitionLog::CheckReplaceable(const Replacement& replacement) {
  if (const auto status = segments_.WritableStatus(); !status.ok()) return status;
  if (const auto status = segments_.EnsureOpen(); !status.ok()) return status;
  const auto refuse = [&](std::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrCat(name().directory(), ": the segments of [", replacement.begin.value(), ", ",
                     replacement.end.value(), ") cannot be replaced: ", std::string(why)));
  };
  if (!segments_.has_files()) return refuse("a memory topic has no files");
  segments_.PassCommitted().IgnoreError();  // a writer has open what it wrote
  const std::size_t first = segments_.IndexFrom(replacement.begin);
  const std::size_t last = segments_.IndexFrom(replacement.end);
  if (first >= last || last == segments_.size() ||
      segments_.SlotAt(first).base_offset != replacement.begin ||
      segments_.SlotAt(last).base_offset != replacement.end) {
    return refuse("these are no offsets at which segments begin");
  }
  if (last > segments_.first_uncommitted()) return refuse("a claim in them is open");
  if (reader_.transactions().FirstUndecided() < replacement.end) {
    return refuse("a transaction in them is undecided");
  }
  for (std::size_t i = first; i != last; ++i) {
    const SegmentSlot& slot = segments_.SlotAt(i);
    if (slot.is_undecided || slot.is_unsettled) return refuse("one of them is damaged");
    if (!IsDurable(slot)) return refuse("one of them is not durable yet; sync the log first");
  }
  return absl::OkStatus();
}

absl::Status PartitionLog::ReplaceSegments(const Replacement& replacement) {
  MutexLock drop_lock(dropped_files_.mutex());  // none of them is dropped meanwhile
  {
    MutexLock lock(segments_.mutex());
    if (const auto status = CheckReplaceable(replacement); !status.ok()) return status;
  }
  // What is left of the last one first: two replacements never overlap.
  if (const auto status = RemoveDroppedFiles(); !status.ok()) return status;
  const auto directory = segments_.directory().Open();
  if (!directory.ok()) return directory.status();
  if (const auto status = CheckReplacement(**directory, replacement, context_.boot); !status.ok()) {
    return status;
  }
  {
    // Nobody tidies one of them up meanwhile, which would leave hints of it.
    MutexLock ahead_lock(files_.preparer().mutex());
    if (const auto status = CheckHasDirectory(); !status.ok()) return status;
    bool is_in_place = false;
    const auto status = PutInPlace(**directory, replacement, &is_in_place);
    if (!is_in_place) return status;
    dropped_files_.Add(replacement);
    MutexLock lock(segments_.mutex());
    Forget(segments_.IndexFrom(replacement.begin), segments_.IndexFrom(replacement.end));
    segments_.Insert(replacement.begin);
    segments_.Find(replacement.begin)->is_durable = true;
    segments_.ReleaseRemoved();
    if (!status.ok()) return status;
  }
  return RemoveDroppedFiles();
}

}  // namespace daybook::inline v1
