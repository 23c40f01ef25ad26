#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_AUDIT_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_AUDIT_H_

#include "absl/status/statusor.h"
#include "options.h"
#include "scoreboard.h"
#include "source.h"

namespace live_events {

// Reads the whole log once more, compares it and the scoreboard with the source, and prints the
// tables and the verdict. The worker must have ended. True: every promise was kept.
absl::StatusOr<bool> Audit(const Options& options, const Source& source, Scoreboard& board);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_AUDIT_H_
