#include "log/store/make_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "log/store/followed_store.h"
#include "log/store/memory_store.h"

namespace daybook::inline v1 {

std::unique_ptr<SegmentStore> MakeStore(const LogContext& context, const PartitionName& name,
                                        const LogSettings& settings, RecoveryCounters& counters,
                                        FileStore::OnRecovered on_recovered) {
  if (settings.memory) {
    absl::Status refusal;
    if (context.is_read_only) {
      refusal = absl::FailedPreconditionError(
          absl::StrCat(name.directory(),
                       ": a memory topic is there for the process that writes it alone; open the "
                       "broker with BrokerAccess::kReadWrite in that process and read it there"));
    }
    return std::make_unique<MemoryStore>(context, name, refusal);
  }
  if (context.is_read_only) return std::make_unique<FollowedStore>(context, name, counters);
  return std::make_unique<FileStore>(context, name, settings.max_frame_bytes(), counters,
                                     std::move(on_recovered));
}

}  // namespace daybook::inline v1
