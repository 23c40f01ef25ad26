#ifndef DAYBOOK_COORDINATION_GROUP_REGISTRY_H_
#define DAYBOOK_COORDINATION_GROUP_REGISTRY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/sweep_threshold.h"
#include "broker/broker_core.h"
#include "broker/broker_listener.h"
#include "coordination/group_coordinator.h"
#include "daybook/broker.h"
#include "daybook/group_description.h"

namespace daybook::inline v1 {

// InvalidArgument, saying `what` it is, unless it has 1 to 249 bytes and no control characters.
absl::Status CheckGroupName(std::string_view name, std::string_view what);

// The groups of a broker, and what it does for them; the contract is that of daybook/broker.h.
// Thread-safe.
//
// It belongs to its broker and ends with it: a share in one, as Open gives it, is a share in both.
// A group has one coordinator at a time. Those that have no members, and that nothing refers to,
// go when they are many, and what goes on when such a group comes back is kept for all of them.
class GroupRegistry final : public BrokerListener {
 public:
  // Opens the broker of that directory.
  static absl::StatusOr<std::shared_ptr<GroupRegistry>> Open(std::string_view directory,
                                                             const BrokerOptions& options);
  explicit GroupRegistry(BrokerCore& core) : core_(core) {}

  BrokerCore& core() { return core_; }

  // The coordinator of that group; made when first asked for. FailedPrecondition: read-only.
  absl::StatusOr<std::shared_ptr<GroupCoordinator>> Find(std::string_view name)
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::size_t size() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::vector<std::string>> List() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<GroupDescription> Describe(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AlterOffsets(std::string_view name, const std::map<TopicPartition, Offset>& offsets)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Delete(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::int64_t> ExpireOffsets(std::chrono::nanoseconds unused_for)
      ABSL_LOCKS_EXCLUDED(mutex_);

  void TopicsChanged() override ABSL_LOCKS_EXCLUDED(mutex_);
  void TopicDeleted(std::string_view topic) override ABSL_LOCKS_EXCLUDED(mutex_);
  void DropLostReaders() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::vector<std::shared_ptr<GroupCoordinator>> OpenGroups() ABSL_LOCKS_EXCLUDED(mutex_);
  void ForgetIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRange(const TopicPartition& partition, Offset offset);

  BrokerCore& core_;

  Mutex mutex_{LockOrder::kGroups};
  std::map<std::string, std::shared_ptr<GroupCoordinator>, std::less<>> groups_
      ABSL_GUARDED_BY(mutex_);
  SweepThreshold sweep_ ABSL_GUARDED_BY(mutex_);
  // The highest counts of groups that went: no member of a later one of the name gets an id that
  // there was, nor is its generation lower.
  GroupCoordinator::Counts forgotten_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_GROUP_REGISTRY_H_
