#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_SUPERVISOR_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_SUPERVISOR_H_

#include "absl/status/statusor.h"
#include "options.h"

namespace live_events {

// Runs the worker, kills it part way, runs it again, and checks the log and the account of what
// was delivered. Prints as it goes. True: every promise was kept.
absl::StatusOr<bool> RunSupervisor(const Options& options);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_SUPERVISOR_H_
