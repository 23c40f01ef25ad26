#ifndef DAYBOOK_LOG_STORE_MEMORY_STORE_H_
#define DAYBOOK_LOG_STORE_MEMORY_STORE_H_

#include <utility>

#include "absl/strings/str_cat.h"
#include "log/store/segment_store.h"

namespace daybook::inline v1 {

// Segments in memory: all that are on the list are there, and none has a file.
class MemoryStore : public SegmentStore {
 public:
  // `refusal`: why the log can neither be read nor written here; OK: it can.
  MemoryStore(const LogContext& context, const PartitionName& name, absl::Status refusal)
      : SegmentStore(context, name, nullptr), unreachable_(std::move(refusal)) {}

  bool has_files() const override { return false; }
  absl::Status EnsureOpen() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    if (!deletion().ok()) return deletion();
    if (!unreachable_.ok()) return unreachable_;
    SetOpen();
    return absl::OkStatus();
  }
  absl::Status WritableStatus() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    const auto status = SegmentStore::WritableStatus();
    return status.ok() ? unreachable_ : status;
  }
  absl::StatusOr<std::shared_ptr<Segment>> OpenAt(std::size_t index) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    Touch(SlotAt(index));
    return SlotAt(index).segment;
  }
  absl::Status SyncableStatus() override {
    if (!unreachable_.ok()) return unreachable_;
    return absl::FailedPreconditionError(
        absl::StrCat(name().directory(),
                     ": nothing in a memory topic survives a power cut; make the topic with "
                     "storage=file to wait for that"));
  }

 protected:
  bool MayUnmap(SegmentSlot&) override { return false; }

 private:
  const absl::Status unreachable_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_LOG_STORE_MEMORY_STORE_H_
