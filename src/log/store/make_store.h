#ifndef DAYBOOK_LOG_STORE_MAKE_STORE_H_
#define DAYBOOK_LOG_STORE_MAKE_STORE_H_

#include <memory>

#include "log/log_context.h"
#include "log/store/file_store.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// The one place that chooses the kind of a log's store. `counters` must outlive it. `on_recovered`:
// of files that this process writes.
std::unique_ptr<SegmentStore> MakeStore(const LogContext& context, const PartitionName& name,
                                        const LogSettings& settings, RecoveryCounters& counters,
                                        FileStore::OnRecovered on_recovered);

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_MAKE_STORE_H_
