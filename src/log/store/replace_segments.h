#ifndef DAYBOOK_LOG_STORE_REPLACE_SEGMENTS_H_
#define DAYBOOK_LOG_STORE_REPLACE_SEGMENTS_H_

#include "absl/status/status.h"
#include "daybook/system/file_system.h"
#include "segment/replace/replacement.h"
#include "segment/segment_settings.h"

// One segment takes the place of several, in one step that a crash leaves done or not done: the
// rename of its file to the name of the first of them. A marker is durable before; it says that the
// others are void once the segment that stands there has the id of the replacement. They are
// removed last, and then the marker. Until then ListSegmentBases passes over them, in whatever
// process.

namespace daybook::inline v1 {

// OK: the file of the replacement is a whole segment, sealed, durable by its own account, and holds
// just those offsets.
//   FailedPrecondition  it is or does not, and why
absl::Status CheckReplacement(Directory& directory, const Replacement& replacement,
                              const BootId& boot);

// The step. After an error `*is_in_place` says whether it was done; if so, it is not known to be
// durable, and the files behind it must stay.
absl::Status PutInPlace(Directory& directory, const Replacement& replacement, bool* is_in_place);
// What comes after the step. After an error FinishReplacements goes on with it.
absl::Status RemoveReplaced(Directory& directory, const Replacement& replacement);

// For who opens the directory for writing: ends what a crash has interrupted, one way or the other.
// `entries`: what the directory holds. Whether it holds other files now.
absl::StatusOr<bool> FinishReplacements(Directory& directory,
                                        const std::vector<DirectoryEntry>& entries);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_REPLACE_SEGMENTS_H_
