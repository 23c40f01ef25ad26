#ifndef DAYBOOK_COORDINATION_GROUP_COORDINATOR_H_
#define DAYBOOK_COORDINATION_GROUP_COORDINATOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_count.h"
#include "base/mutex.h"
#include "broker/offsets/offset_store.h"
#include "broker/topics/catalog.h"
#include "coordination/group_members.h"
#include "coordination/poll_deadline.h"
#include "coordination/rebalance.h"
#include "coordination/static_members.h"
#include "coordination/subscription.h"
#include "daybook/broker.h"
#include "daybook/group_description.h"
#include "daybook/group_options.h"

namespace daybook::inline v1 {

// The members of one group, and who may read what. A change of members, topics or partitions makes
// a new generation with a new target for everybody; partitions then move one by one: a member is
// told what it has and shall not have (Sync), finishes and commits that, lets go of it (the next
// Sync), and only then the new owner may take it. So no partition ever has two readers, and what
// stays where it is goes on: targets are computed without the lock, too.
//
// A commit does not take the coordinator's lock: it looks at the partition's owner under the lock
// under which the store appends, and owners change only while that is held, too. So a member that
// was fenced cannot append behind the commits of the next owner, and what it had appended before,
// that owner finds when it begins. (Kafka appends under the group's lock for the same reason.) What
// needs the members to stand still appends under the coordinator's lock, and is rare: transactions,
// joins at OffsetReset::kLatest, what operators move and forget.
//
// Nothing here runs by itself: whoever calls notices whose time to poll is up. Thread-safe.
class GroupCoordinator {
 public:
  // What goes on when a group is forgotten and comes back.
  struct Counts {
    std::int64_t joined = 0;  // members ever
    std::int64_t generation = 0;
  };
  // The others must outlive the coordinator. `counts`: as of before it was there.
  GroupCoordinator(std::string name, OffsetStore& store, Catalog& catalog, Clock& clock,
                   const Counts& counts = {0, 0})
      : name_(std::move(name)), store_(store), catalog_(catalog), clock_(clock), counts_(counts) {}

  struct Joining {
    Subscription subscription;
    std::string instance_id = {};
    Assignor assignor = Assignor::kCooperativeSticky;
    AssignorFunction custom_assignor = {};
    std::chrono::nanoseconds max_poll_interval = std::chrono::minutes(5);
    bool was_lost = false;       // then the topics need not be there
    bool begins_at_end = false;  // OffsetReset::kLatest
  };
  struct Membership {
    std::string id;
    std::string instance_id;
    std::shared_ptr<PollDeadline> deadline;
  };

  // A new member, or a static one that takes its place again. Errors as for ConsumerGroup::Join.
  absl::StatusOr<Membership> Join(const Joining& joining) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const std::string& member) ABSL_LOCKS_EXCLUDED(mutex_);
  // A static member is not there for a while.
  void SuspendStatic(const std::string& member) ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes whenever a member should Sync; cheap to read.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  // Who waits for a new epoch registers here.
  WaitList& waiters() { return waiters_; }

  FirstDeadline& deadlines() { return deadlines_; }
  // Takes out who has not polled for too long.
  void DropLost(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mutex_);

  enum class MemberStatus {
    kMember,
    kLost,    // it is no member any more, and may join again
    kFenced,  // another one has its instance_id
  };
  struct Assignment {
    MemberStatus standing = MemberStatus::kMember;
    std::uint64_t epoch = 0;
    std::int64_t generation = 0;
    std::vector<TopicPartition> owned;  // sorted
    // Of these it has to let go, by another Sync, before it gets anything else.
    std::vector<TopicPartition> revoked;
  };
  // Lets go of `released`, takes what the member shall have and nobody has, unless there is more to
  // let go of, and tells what it has now.
  Assignment Sync(const Membership& member, const std::vector<TopicPartition>& released = {})
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps what is not committed of the partition from being dropped, as long as the group has
  // members. `log` is the partition's. Answers what Commit takes, as long as the coordinator is
  // there; errors of OffsetStore::EntryOf.
  absl::StatusOr<GroupPartition*> Hold(const TopicPartition& partition, PartitionLog& log)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // From that offset on alone. A lower one than before changes nothing.
  void HoldFrom(GroupPartition& partition, Offset from) ABSL_LOCKS_EXCLUDED(mutex_);

  // For a member at OffsetReset::kLatest that takes a partition in which the group has no place:
  // the end, or the beginning of one that came after the group; from now on the group's place.
  // Where there is one by now, that. Aborted: the member does not own the partition any more.
  absl::StatusOr<Offset> FixPlace(const std::string& member, const TopicPartition& partition,
                                  PartitionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);

  // Stores the offset if the member has the partition, which nobody can take meanwhile. Whoever
  // calls has looked for lost members before, and has the GroupPartition from Hold. Aborted: it has
  // not.
  absl::Status Commit(const std::string& member, const TopicPartition& partition, Offset offset,
                      std::string_view metadata = {}) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Commit(const std::string& member, GroupPartition& partition, Offset offset,
                      std::string_view metadata = {}) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs `then` if the member has all of them, each without a break since the generation that comes
  // with it, and nobody can take them meanwhile. For what is committed together with other things.
  // Aborted: it has not.
  absl::Status WhileOwned(const std::string& member,
                          const std::map<TopicPartition, std::int64_t>& partitions,
                          const std::function<absl::Status()>& then) ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs `then` if there are no members, and nobody can join meanwhile. FailedPrecondition: there
  // are.
  absl::Status WhileEmpty(const std::function<absl::Status()>& then) ABSL_LOCKS_EXCLUDED(mutex_);

  // To be called when topics or partitions have come or gone.
  void CatalogChanged() ABSL_LOCKS_EXCLUDED(mutex_);
  // Nobody has partitions of it any more; it was deleted.
  void ForgetTopic(std::string_view topic) ABSL_LOCKS_EXCLUDED(mutex_);

  bool IsMember(const std::string& member) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasMembers() ABSL_LOCKS_EXCLUDED(mutex_);
  Counts counts() ABSL_LOCKS_EXCLUDED(mutex_);
  std::size_t instances() ABSL_LOCKS_EXCLUDED(mutex_);
  struct Description {
    GroupState state = GroupState::kEmpty;
    std::string assignor;
    std::vector<GroupMember> members;
    std::int64_t generation = 0;
    std::map<TopicPartition, std::string> owners;
  };
  Description Describe() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string& name() const { return name_; }

 private:
  using Member = GroupMembers::Member;

  absl::Status CheckJoining(const Joining& joining) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(GroupMembers::Iterator member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropLostLocked(MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Under the coordinator's lock or that of the store.
  static absl::Status CheckOwner(const std::string& member, const GroupPartition& partition);
  // With its place, which is set once: who has this needs no lock to look where it is.
  absl::StatusOr<GroupPartition*> WithPlace(const TopicPartition& partition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Makes the next generation, if there is reason to. Answers what the assignor said the last time:
  // if that is an error, the last good assignment goes on.
  absl::Status RebalanceIfNeeded() ABSL_LOCKS_EXCLUDED(mutex_);
  // What is subscribed to, as of now; members left, or the catalogue changed.
  void LookAtTopics() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for one that joins.
  absl::Status LookAtTopicsOf(const Member& joined) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers what was subscribed to before.
  std::map<std::string, int> SelectTopics() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FixPlaces(const std::vector<TopicPartition>& partitions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RebalanceInput Input() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BumpEpoch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  OffsetStore& store_;
  Catalog& catalog_;
  Clock& clock_;
  WaitList waiters_;
  std::atomic<std::uint64_t> epoch_{0};
  FirstDeadline deadlines_;

  Mutex mutex_{LockOrder::kGroup};
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  PendingRebalance rebalance_ ABSL_GUARDED_BY(mutex_);
  Assignor assignor_ ABSL_GUARDED_BY(mutex_) = Assignor::kCooperativeSticky;
  AssignorFunction custom_assignor_ ABSL_GUARDED_BY(mutex_);
  GroupMembers members_ ABSL_GUARDED_BY(mutex_);
  StaticMembers static_members_ ABSL_GUARDED_BY(mutex_);
  SubscribedTopics topics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_COORDINATION_GROUP_COORDINATOR_H_
