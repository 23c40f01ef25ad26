#ifndef DAYBOOK_BROKER_GROUP_COORDINATOR_H_
#define DAYBOOK_BROKER_GROUP_COORDINATOR_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "broker/assignor.h"
#include "broker/offset_store.h"
#include "daybook/consumer_group.h"

namespace daybook::inline v1 {

// The members of one group, and who may read what. A change of members makes a new generation with
// a new target for everybody; partitions then move one by one: a member lets go of what is no
// longer its own the next time it looks (Sync), and only then may the new owner take it. So no
// partition ever has two readers, and what stays where it is never pauses. Thread-safe.
class GroupCoordinator {
 public:
  // `store` must outlive the coordinator.
  GroupCoordinator(std::string name, OffsetStore& store) : name_(std::move(name)), store_(store) {}

  struct Subscription {
    std::string topic;
    int partitions = 0;
  };

  // The id of the new member.
  std::string Join(const std::vector<Subscription>& topics) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const std::string& member) ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes whenever a member should Sync; cheap to read.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  struct Assignment {
    std::uint64_t epoch = 0;
    std::set<TopicPartition> owned;
  };
  // Lets go of what the member has and shall not have, takes what it shall have and nobody has,
  // and tells what it has now. FailedPrecondition: it is no member (any more).
  absl::StatusOr<Assignment> Sync(const std::string& member) ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps what is at or after `from`, and not committed, of the partition from being dropped, as
  // long as the group has members. A lower `from` than before changes nothing. `log` is the
  // partition's.
  void Hold(const TopicPartition& partition, PartitionLog& log, Offset from)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Stores the offset if the member has the partition, which nobody can take meanwhile.
  // Aborted: it has not.
  absl::Status Commit(const std::string& member, const TopicPartition& partition, Offset offset)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Who waits for a new epoch registers here.
  WaitList& waiters() { return waiters_; }

  struct Description {
    std::vector<std::string> members;
    std::int64_t generation = 0;
    std::map<TopicPartition, std::string> owners;
  };
  Description Describe() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string& name() const { return name_; }

 private:
  struct Member {
    std::vector<std::string> topics;
    std::set<TopicPartition> target;
  };

  void Rebalance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Announce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  OffsetStore& store_;
  WaitList waiters_;
  std::atomic<std::uint64_t> epoch_{0};

  Mutex mutex_;
  std::int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t joined_ ABSL_GUARDED_BY(mutex_) = 0;  // members ever
  std::map<std::string, Member> members_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> partitions_ ABSL_GUARDED_BY(mutex_);  // of each topic
  std::map<TopicPartition, std::string> owners_ ABSL_GUARDED_BY(mutex_);
  // Null where nothing is dropped that is unread.
  std::map<TopicPartition, std::unique_ptr<ReadMark>> marks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BROKER_GROUP_COORDINATOR_H_
