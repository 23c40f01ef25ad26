#ifndef DAYBOOK_EXAMPLES_LIVE_EVENTS_WORKER_H_
#define DAYBOOK_EXAMPLES_LIVE_EVENTS_WORKER_H_

#include "absl/status/status.h"
#include "options.h"

namespace live_events {

// The application: opens the log, carries on where it stands, and returns when every event is in
// the log and delivered. It may be killed at any instruction and started again.
absl::Status RunWorker(const Options& options);

}  // namespace live_events

#endif  // DAYBOOK_EXAMPLES_LIVE_EVENTS_WORKER_H_
