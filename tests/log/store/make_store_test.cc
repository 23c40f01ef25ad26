#include "log/store/make_store.h"

#include "catch.h"
#include "log/store/followed_store.h"
#include "log/store/memory_store.h"

namespace daybook {
namespace {

std::unique_ptr<SegmentStore> Make(const LogContext& context, bool in_memory) {
  static RecoveryCounters counters;
  LogSettings settings{.segment_bytes = 1 << 16, .max_record_bytes = 1 << 10};
  if (in_memory) settings.memory = MemorySettings{.segments = 2};
  return MakeStore(context, PartitionName("orders", 0), settings, counters,
                   [](const RecoveredLog&) {});
}

}  // namespace

TEST_CASE("The kind of a store follows from where the log is and who writes it") {
  LogContext context;
  context.limits = std::make_shared<OpenLimits>();
  CHECK(dynamic_cast<FileStore*>(Make(context, false).get()) != nullptr);
  CHECK(dynamic_cast<MemoryStore*>(Make(context, true).get()) != nullptr);
  context.is_read_only = true;
  CHECK(dynamic_cast<FollowedStore*>(Make(context, false).get()) != nullptr);
}

TEST_CASE("A memory topic of another process can neither be read nor written, and says why") {
  LogContext context;
  context.is_read_only = true;
  const auto store = Make(context, true);
  MutexLock lock(store->mutex());
  CHECK(absl::IsFailedPrecondition(store->EnsureOpen()));
  CHECK(store->WritableStatus().message().find("for the process that writes it alone") !=
        std::string::npos);
}

}  // namespace daybook
